import { aborting, sleep } from '../../async.ts'
import { EngineClosed, StorageError } from '../../errors.ts'
import type { LogIdentity } from '../../log/database.ts'
import { createBackoff } from '../../queue.ts'
import type { Core } from '../core.ts'
import { takeOver } from '../takeOver.ts'

/** Attempts to read which log it is now: what was put there is visible, whatever becomes of them. */
const TAKE_OVER_TRIES = 5
const TAKE_OVER_MIN_MS = 100
const TAKE_OVER_MAX_MS = 1000

/** Lets an engine whose log was empty go on with what was put there: other tabs are told. */
export async function goOnWith(core: Core, log: LogIdentity, sequence: number): Promise<void> {
  core.channel?.post({ log: core.logId, head: sequence, adopted: log })
  // A hint was faster.
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
