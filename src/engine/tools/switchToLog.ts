import { aborting, sleep } from '../../async.ts'
import { EngineClosed, StorageError } from '../../errors.ts'
import type { LogIdentity } from '../../log/database.ts'
import { createBackoff } from '../../queue.ts'
import type { Core } from '../core.ts'
import { takeOver } from '../takeOver.ts'

/** The most attempts to read the new log id. The new log is visible to other tabs even if all of them fail. */
const TAKE_OVER_TRIES = 5
const TAKE_OVER_MIN_MS = 100
const TAKE_OVER_MAX_MS = 1000

/** Lets an engine whose log was empty go on with an imported or restored log, and tells other tabs. */
export async function switchToLog(core: Core, log: LogIdentity, sequence: number): Promise<void> {
  core.channel?.post({ log: core.logId, head: sequence, adopted: log })
  // A hint came first, and the engine has the new log already.
  if (core.head) return
  const backoff = createBackoff(TAKE_OVER_MIN_MS, TAKE_OVER_MAX_MS)
  for (let tries = 1; ; tries++) {
    try {
      await takeOver(core)
      break
    } catch (error) {
      if (!(error instanceof StorageError) || tries === TAKE_OVER_TRIES) throw error
      await sleep(backoff.next(), core.ended)
    }
  }
  core.behind = true
  core.pump()
}

/** Resolves when the engine shows the log up to a sequence. */
export async function shownUpTo(core: Core, sequence: number, signal: AbortSignal | undefined): Promise<void> {
  while (core.head < sequence) {
    if (core.state !== 'ready') throw core.error ?? new EngineClosed('closed')
    await aborting(core.nextChange(), signal)
  }
}
