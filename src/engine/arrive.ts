import { aborting } from '../async.ts'
import { headOf } from '../log/head.ts'
import type { Core } from './core.ts'
import { readMissed } from './hints.ts'

/**
 * Waits until this engine has applied the log up to its present head. It reads the head, because hints may have been
 * lost. Throws the error if the log can't be read.
 */
export async function waitForHead(core: Core, signal: AbortSignal | undefined): Promise<void> {
  const { database } = core
  if (!database || core.state !== 'ready') return
  const head = await aborting(headOf(database), signal)
  // While a refold is under way, the status says what the rows show.
  if (core.status.sequence >= head) return
  const tries = core.trouble?.tries ?? 0
  readMissed(core)
  while (core.status.sequence < head && core.state === 'ready') {
    await aborting(core.nextChange(), signal)
    if (core.trouble && core.trouble.tries > tries) throw core.trouble.error
  }
}
