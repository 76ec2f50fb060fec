import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

// The simulation runs in a separate process, because it replaces the platform's clock, storage and channels.
// A failing run prints its seed and its actions, reduced to those that are needed. `SEED=17 npx vitest run test/simulation` plays it again with a trace.
const start = fileURLToPath(new URL('start.mjs', import.meta.url))

/** Plays runs in a process. Most of its memory is short-lived objects. */
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

/** The profiles that have separate tests below. */
const APART = 'devices,reactions,sharedReactions'
/** Runs of each process: each other kind of run five times, independent of the load of the machine. */
const RUNS = 155
/** The options to play this many runs, without a limit of time. */
const exactly = (runs: number): string[] => ['--seconds', '0', '--least', `${runs}`]

// The soak plays 100,000 runs.
test(`every guarantee holds in ${2 * RUNS} seeded runs`, { timeout: 600_000 }, async () => {
  const { SEED: seed } = process.env
  const options = ['--without', APART, ...exactly(RUNS), '--shrink']
  const plays = seed
    ? [play(['--seed', seed, '--trace'])]
    : [play(['--seeds', '1-1000', ...options]), play(['--seeds', '1001-2000', ...options])]
  const played = await Promise.all(plays)
  for (const { status, out } of played) {
    console.log(out)
    expect(status, out.slice(-20_000)).toBe(0)
  }
  // What never happens in a run is not tested, and no other test would notice.
  const all = played.map(({ out }) => out).join()
  if (!seed) for (const hit of MET) expect(all).toContain(`${hit}: `)
})

/** Plays one kind of run in two processes, as many runs in each. */
async function playProfile(profile: string, runs: number, met: readonly string[]): Promise<void> {
  const options = ['--profile', profile, ...exactly(runs)]
  const played = await Promise.all(['1-50000', '50001-100000'].map((seeds) => play(['--seeds', seeds, ...options])))
  for (const { status, out } of played) {
    console.log(out)
    expect(status, out.slice(-20_000)).toBe(0)
  }
  const all = played.map(({ out }) => out).join()
  for (const hit of met) expect(all).toContain(`${profile}: ${hit}: `)
}

// A run costs 0.04 s of CPU on average. `npm run soak -- --profile devices` plays more.
test('every guarantee of a shared log holds in 2,000 seeded runs of devices with a remote', { timeout: 600_000 }, () =>
  playProfile('devices', 1000, [
    ...['a message that is no log', 'agreed', 'forked or gone', 'rejected', 'the server forgot'],
    ...['an old log has a remote', 'the remote has it', 'the remote has nothing of it'],
    ...['holder stolen', 'holder frozen', 'worker crashed', 'tab frozen', 'imported', 'an older worker follows'],
    ...['database lost, with a second copy', 'database lost, with no second copy'],
    ...['import refused beside an outbox', 'lost beside an outbox that its second copy has'],
    'an id of another device given again',
  ]),
)

// A run costs 0.14 s of CPU.
test(
  'every requested turn ends once in 40 seeded runs, in which holders are killed or frozen, or their lock is stolen',
  { timeout: 600_000 },
  () =>
    playProfile('reactions', 20, [
      ...['turnFinished', 'turnInterrupted', 'turnFailed', 'turnStopped', 'all ended'],
      ...[
        '200 turns over 20 lanes',
        'a position came after the first turns',
        'holder stolen',
        'worker crashed',
        'worker frozen',
        'tab crashed',
        'database lost',
        'restored with open events',
      ],
    ]),
)

// A run costs 0.5 s of CPU.
test(
  'reactions of devices that share a log run on the right device, and each turn ends once, in 30 seeded runs',
  { timeout: 600_000 },
  () =>
    playProfile('sharedReactions', 15, [
      ...['turnFinished', 'turnInterrupted', 'turnStopped', 'all ended', 'a command of a reaction was refused'],
      ...['reminded of what is not shared yet', 'device offline', 'holder stolen', 'holder frozen', 'worker crashed'],
    ]),
)
