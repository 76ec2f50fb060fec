import { cp, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Browser, Engine, Tab } from './browsers/browser.ts'
import type { createSeries } from './measure.ts'
import type { Entry } from './subjects/index.ts'
import { type Cell, nameOf } from './workload.ts'

/** The functions and parameters that a figure gets. */
export interface Run {
  readonly subjects: readonly Entry[]
  readonly rounds: number
  readonly cells: readonly Cell[]
  readonly quick: boolean
  readonly add: ReturnType<typeof createSeries>['add']
  readonly say: (text: string) => void
  url(subject: string, query?: string): string
  /** The profile that the subject left after it recorded this cell. Created on first use; do not write to it. */
  seeded(subject: Entry, cell: Cell, options?: Seed): Promise<string>
  /** A new profile: a copy of another, or an empty one. */
  profile(of?: string): Promise<string>
  readonly chromium: Engine
}
export interface Seed {
  readonly wide?: boolean
  /** With `history` of one table. */
  readonly indexed?: boolean
  /** Another number of projections. */
  readonly projections?: number
  /** Events per commit. With 1, each event is a write, and a thousand writes are sent at once. With 0, each write waits for the one before. */
  readonly perCommit?: number
}
/** Milliseconds until the boot was complete: from the start of the page's script, and from navigation. */
export interface Booted {
  readonly script: number
  readonly navigation: number
}

export async function openProfiles(): Promise<{ make(of?: string): Promise<string>; close(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-bench-'))
  let count = 0
  return {
    async make(of) {
      const profile = join(folder, String(++count))
      if (of) await cp(of, profile, { recursive: true })
      return profile
    },
    close: () => rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 }),
  }
}

/** Runs `use` in a new browser process. Rejects after `seconds`, so that a subject that hangs does not stop the run. */
export async function withBrowser<T>(
  engine: Engine,
  profile: string,
  use: (browser: Browser) => Promise<T>,
  seconds = 600,
): Promise<T> {
  const browser = await engine.launch(profile)
  const timer = new AbortController()
  try {
    return await Promise.race([
      use(browser),
      pause(seconds * 1000, undefined, { signal: timer.signal }).then(() => {
        throw new Error(`not done after ${seconds} s`)
      }),
    ])
  } finally {
    timer.abort()
    await browser.close()
  }
}

/** Opens the page, which boots at once, as an app does. */
export async function boot(
  run: Pick<Run, 'url'>,
  browser: Browser,
  subject: string,
  { wide, indexed, projections }: Seed = {},
): Promise<Tab & Booted> {
  const query = `?boot${wide ? '&wide=1' : ''}${indexed ? '&indexed=1' : ''}${projections ? `&projections=${projections}` : ''}`
  const tab = await browser.open(run.url(subject, query))
  return { ...tab, ...(await tab.run<Booted>('bench.booted')) }
}

export async function record(tab: Tab, cell: Cell, from = 0, { perCommit = 1000 }: Seed = {}): Promise<number> {
  let ms = 0
  const slice = 100_000
  for (let n = from; n < cell.events; n += slice)
    ms += await tab.run<number>(`bench.record(${n}, ${Math.min(n + slice, cell.events)}, ${cell.rows}, ${perCommit})`)
  return ms
}

/** Checks that the rows result from all events. Returns the milliseconds of the read. */
export async function check(tab: Tab, subject: string, cell: Cell, exact = true): Promise<number> {
  const found = await tab.run<{ rows: number; changes: number; ms: number }>('bench.check()')
  if (found.rows !== cell.rows || (exact && found.changes !== cell.events - cell.rows))
    throw new Error(
      `${subject} at ${nameOf(cell)} shows ${found.rows} rows with ${found.changes} changes, not ${cell.rows} with ${cell.events - cell.rows}`,
    )
  return found.ms
}

/**
 * Writes to a database of its own until Chromium begins a new write-ahead log. In a new process, Chromium reads that log again before it opens
 * a database: 0 to 4 MB, by where the last writes stopped. Without this, a boot would measure that chance.
 */
export async function emptyWriteLog(run: Run, browser: Browser, profile: string, subject: string): Promise<void> {
  const tab = await browser.open(run.url(subject))
  const logs = async () =>
    (await readdir(profile, { recursive: true }))
      .filter((file) => /leveldb\/\d+\.log$/.test(file) && file.includes('IndexedDB'))
      .join()
  const before = await logs()
  for (let mb = 0; (await logs()) === before; mb += 0.25) {
    if (mb > 16) throw new Error('Chromium begins no new log')
    await tab.run('bench.write(16)')
  }
  await tab.close()
}

/** Runs rounds with all subjects. Each round starts with a different subject, so that a slow minute of the machine affects all alike. */
export async function interleaved(
  run: Run,
  subjects: readonly Entry[],
  rounds: number,
  what: string,
  each: (subject: Entry, round: number) => Promise<void>,
): Promise<void> {
  const failed = new Set<string>()
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < subjects.length; i++) {
      const subject = subjects[(i + round) % subjects.length] as Entry
      if (failed.has(subject.name)) continue
      run.say(`${what}: round ${round + 1} of ${rounds}, ${subject.title}`)
      try {
        await each(subject, round)
      } catch (error) {
        failed.add(subject.name)
        run.say(`! ${what}, ${subject.title}: ${error}`)
      }
    }
  }
}
