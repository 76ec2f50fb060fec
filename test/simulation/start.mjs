// node test/simulation/start.mjs [--seeds 1-2000] [--seconds 60] [--least 100] [--profile race,seal] [--without devices] [--first] [--all] [--shrink] [--seed 17] [--trace]
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { bundle } from './build.mjs'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1-2000' },
    seconds: { type: 'string', default: '60' },
    least: { type: 'string', default: '0' },
    seed: { type: 'string' },
    trace: { type: 'boolean', default: false },
    source: { type: 'string' },
    all: { type: 'boolean', default: false },
    profile: { type: 'string' },
    without: { type: 'string', default: '' },
    first: { type: 'boolean', default: false },
    shrink: { type: 'boolean', default: false },
  },
})
const [from = 1, to = from] = (values.seed ?? values.seeds).split('-').map(Number)
// Each parallel process has its own bundle.
const output = new URL(`../../build/simulation/from-${from}.mjs`, import.meta.url)
const { execute, isPending, plan, profiles, real } = await import(
  await bundle(values.source, values.source ? `${values.source}/../simulation.mjs` : fileURLToPath(output))
)
process.setMaxListeners(0)
// The library warns of faults that these runs cause on purpose.
console.warn = () => {}
const began = real.now()
const used = process.cpuUsage()
let runs = 0
let steps = 0
let dispatches = 0
/** @type {Record<string, number>} */
const hits = {}
const failures = new Map()
/** @param {Error} error */
const kindOf = ({ message }) => String(message).replace(/\d+/g, 'N').slice(0, 60)
const wanted = values.profile?.split(',')
const unwanted = values.without.split(',')
const hasTime = () => runs < Number(values.least) || real.now() - began < Number(values.seconds) * 1000
for (let seed = from; seed <= to && hasTime(); seed++) {
  const profile = profiles[seed % profiles.length]
  if (unwanted.includes(profile)) continue
  if (wanted ? !wanted.includes(profile) : !values.seed && isPending(profile)) continue
  const result = await execute(plan(seed), { traced: values.trace })
  runs++
  steps += result.steps
  dispatches += result.dispatches
  for (const [name, n] of Object.entries(result.hits)) hits[name] = (hits[name] ?? 0) + n
  if (values.trace) console.log(result.trace.join('\n'))
  if (result.error) {
    const kind = kindOf(result.error)
    const known = failures.get(kind)
    if (!known)
      failures.set(kind, { seed, profile: result.plan.profile, n: 1, steps: result.steps, error: result.error })
    else known.n++
    if (values.first || (!values.all && failures.size >= 12)) break
  }
}
const cpu = process.cpuUsage(used)
const ms = real.now() - began
console.log(
  `${runs} runs, ${steps} steps, ${dispatches} dispatches in ${ms} ms (${((runs / (cpu.user + cpu.system)) * 1e6).toFixed(1)} runs per second of CPU)`,
)
for (const { seed, profile, n, steps, error } of failures.values())
  console.log(
    `${n}× seed ${seed} (${profile}, ${steps} steps): ${error.constructor.name === 'Violation' ? error.message : error.stack}`,
  )
console.log(
  Object.entries(hits)
    .filter(([k]) => !k.startsWith('did'))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([k, v]) => `${k}: ${v}`)
    .join(', '),
)
const [worst] = failures.values()
if (values.shrink && worst) await shrink(worst.seed, kindOf(worst.error))
process.exitCode = failures.size ? 1 : 0

/**
 * Removes actions as long as the run still fails in the same way, and prints the rest.
 * @param {number} seed
 * @param {string} kind
 */
async function shrink(seed, kind) {
  const until = real.now() + 20_000
  const whole = plan(seed)
  let { actions } = whole
  for (let size = Math.ceil(actions.length / 2); size >= 1; ) {
    let fewer = false
    for (let at = 0; at < actions.length && real.now() < until; ) {
      const left = [...actions.slice(0, at), ...actions.slice(at + size)]
      const { error } = await execute({ ...whole, actions: left })
      if (error && kindOf(error) === kind) {
        actions = left
        fewer = true
      } else at += size
    }
    if (size === 1 && !fewer) break
    if (real.now() >= until) break
    size = size === 1 ? 1 : Math.ceil(size / 2)
  }
  const { trace } = await execute({ ...whole, actions }, { traced: true })
  console.log(
    `\nseed ${seed} with ${actions.length} of its ${whole.actions.length} actions: ${JSON.stringify(actions)}`,
  )
  console.log(trace.slice(-400).join('\n'))
}
