import { aborting } from '../async.ts'
import { headOf } from '../log/look.ts'
import type { Core } from './core.ts'
import { readMissed } from './hints.ts'

/** Waits until this engine is at the head that its log has now: hints may have been lost. Throws what keeps it from reading. */
export async function waitForHead(core: Core, signal: AbortSignal | undefined): Promise<void> {
  const { database } = core
  if (!database || core.state !== 'ready') return
  const head = await aborting(headOf(database), signal)
  if (core.head >= head) return
  const tries = core.trouble?.tries ?? 0
  readMissed(core)
  while (core.head < head && core.state === 'ready') {
    await aborting(core.nextChange(), signal)
    if (core.trouble && core.trouble.tries > tries) throw core.trouble.error
  }
}
