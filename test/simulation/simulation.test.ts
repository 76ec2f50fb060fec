import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

// In a process of its own: the simulation replaces the platform's clock, storage and channels.
// A failing seed prints itself and what is left of it after leaving out all that it does not need; `SEED=17 npx vitest run test/simulation` plays it again, with its trace.
const start = fileURLToPath(new URL('start.mjs', import.meta.url))

/** A process for each of two cores; short-lived objects are most of its memory. */
const play = (options: readonly string[]) =>
  new Promise<{ status: number | null; out: string }>((resolve) => {
    const child = spawn(process.execPath, ['--max-semi-space-size=64', start, ...options])
    let out = ''
    child.stdout.on('data', (text) => {
      out += text
    })
    child.stderr.on('data', (text) => {
      out += text
    })
    child.on('close', (status) => resolve({ status, out }))
  })

const MET = [
  ...['sealed', 'duplicate', 'connection lost', 'quota', 'worker crashed', 'mirror on', 'restored'],
  ...['a read failed', 'code not fetched', 'a lost value of checkpoints is read', 'NotReadableError of a file'],
  ...['appended beside a pipeline', 'holder stolen', 'draft ended'],
]

/** Runs of each process, however busy the machine is: each kind of run five times. */
const LEAST = 170

test('every guarantee holds in 2,000 seeded runs, or as many as a minute allows', { timeout: 600_000 }, async () => {
  const { SEED: seed } = process.env
  const options = ['--seconds', '60', '--least', `${LEAST}`, '--shrink']
  const plays = seed
    ? [play(['--seed', seed, '--trace'])]
    : [play(['--seeds', '1-1000', ...options]), play(['--seeds', '1001-2000', ...options])]
  const played = await Promise.all(plays)
  for (const { status, out } of played) {
    console.log(out)
    expect(status, out.slice(-20_000)).toBe(0)
  }
  // What never happens is not tested, and nobody would notice.
  const all = played.map(({ out }) => out).join()
  if (!seed) for (const hit of MET) expect(all).toContain(`${hit}: `)
})

const MET_BY_DEVICES = [
  ...[
    'a message that is no log',
    'agreed',
    'forked or gone',
    'rejected',
    'the server forgot',
    'an old log has a remote',
  ],
  ...['the remote has it', 'the remote has nothing of it', 'holder stolen', 'worker crashed', 'tab frozen'],
].map((hit) => `devices: ${hit}`)

/** Runs of each process, however busy the machine is: a run costs about 0.1 s of CPU, so 2,000 take four minutes, and are the soak's. */
const DEVICES_LEAST = 150

test('what devices share holds in seeded runs with a remote between them, for half a minute', {
  timeout: 600_000,
}, async () => {
  const options = ['--profile', 'devices', '--seconds', '30', '--least', `${DEVICES_LEAST}`]
  const played = await Promise.all([
    play(['--seeds', '1-50000', ...options]),
    play(['--seeds', '50001-100000', ...options]),
  ])
  for (const { status, out } of played) {
    console.log(out)
    expect(status, out.slice(-20_000)).toBe(0)
  }
  const all = played.map(({ out }) => out).join()
  for (const hit of MET_BY_DEVICES) expect(all).toContain(`${hit}: `)
})

const MET_BY_REACTIONS = [
  ...['turnFinished', 'turnInterrupted', 'turnFailed', 'turnStopped', 'all ended'],
  ...['a position came after the first turns', 'holder stolen', 'worker crashed', 'worker frozen', 'tab crashed'],
].map((hit) => `reactions: ${hit}`)

/** Runs of each process, however busy the machine is: a run costs about 0.12 s of CPU. */
const REACTIONS_LEAST = 100

test('every turn that was requested ends once, whatever becomes of those who answer it, for half a minute', {
  timeout: 600_000,
}, async () => {
  const options = ['--profile', 'reactions', '--seconds', '30', '--least', `${REACTIONS_LEAST}`]
  const played = await Promise.all([
    play(['--seeds', '1-50000', ...options]),
    play(['--seeds', '50001-100000', ...options]),
  ])
  for (const { status, out } of played) {
    console.log(out)
    expect(status, out.slice(-20_000)).toBe(0)
  }
  const all = played.map(({ out }) => out).join()
  for (const hit of MET_BY_REACTIONS) expect(all).toContain(`${hit}: `)
})
