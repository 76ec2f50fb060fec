import { aborting } from '../async.ts'
import { EngineClosed } from '../errors.ts'
import type { Core } from './core.ts'
import { hearReactions } from './followReactions.ts'

/** Resolves when the reactions have looked at the whole log, and nothing is open but dead letters and what is not due yet. */
export async function settled(core: Core, signal?: AbortSignal): Promise<void> {
  const { ended } = core
  core.hearReactions ??= (reports, scanned) => hearReactions(core, reports, scanned)
  for (;;) {
    signal?.throwIfAborted()
    if (ended.aborted) throw core.error instanceof EngineClosed ? core.error : new EngineClosed('closed')
    core.reacted = -1
    core.channel?.post({ log: core.logId, asks: 'reactions' })
    core.memoryReactions?.ask()
    // A worker that starts, or a page that is frozen, answers later: it is asked again.
    if (!core.pending.length && core.reacted < core.head) await aborting(core.nextChange(), signal)
    const isSettled = core.reacted >= core.head && Object.values(core.reactions ?? {}).every(({ due }) => !due)
    if (isSettled && !core.pending.length) return
    await aborting(core.nextChange(), signal)
  }
}
