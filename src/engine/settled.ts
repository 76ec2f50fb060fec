import { aborting } from '../async.ts'
import { EngineClosed } from '../errors.ts'
import type { Core } from './core.ts'
import { hearReactions } from './followReactions.ts'

/** Resolves when the reactions have looked at the whole log and every event is settled, dead, or not due yet. */
export async function settled(core: Core, signal?: AbortSignal): Promise<void> {
  const { ended } = core
  core.hearReactions ??= (reports, scanned) => hearReactions(core, reports, scanned)
  for (;;) {
    signal?.throwIfAborted()
    if (ended.aborted) throw core.error instanceof EngineClosed ? core.error : new EngineClosed('closed')
    core.reacted = -1
    core.channel?.post({ log: core.logId, asks: 'reactions' })
    core.memoryReactions?.ask()
    // A worker that is starting, or a frozen page, answers late. The loop asks again.
    if (!core.pending.length && core.reacted < core.head) await aborting(core.nextChange(), signal)
    const isSettled = core.reacted >= core.head && Object.values(core.reactions ?? {}).every(({ due }) => !due)
    if (isSettled && !core.pending.length) return
    await aborting(core.nextChange(), signal)
  }
}
