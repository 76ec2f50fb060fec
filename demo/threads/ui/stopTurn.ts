import type { ThreadsEngine } from '../engine.ts'

/** Ends a turn from any tab. Its text so far is kept. */
export function stopTurn({ dispatch, drafts: { reply } }: ThreadsEngine, id: string): void {
  dispatch.stopTurn({ id, text: reply.get(id)?.text ?? '' }).then(() => reply.discard(id))
}
