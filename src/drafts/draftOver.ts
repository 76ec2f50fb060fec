import { Named } from '../errors.ts'

/**
 * The draft is not this caller's to end or to write: another attempt has begun, somebody is writing it, or it is gone. Nothing was dispatched.
 * @example
 * ```ts
 * try {
 *   await engine.drafts.reply.end(id, (text) => engine.dispatch.interruptTurn({ id, text }))
 * } catch (error) {
 *   if (!(error instanceof DraftOver)) throw error
 * }
 * ```
 */
export class DraftOver extends Named<'DraftOver'> {
  declare readonly draft: string
  declare readonly id: string
  constructor(draft: string, id: string) {
    super(
      'DraftOver',
      'This draft is not yours to write: another attempt has begun, somebody else writes it, or it was ended or discarded. Nothing was dispatched',
      { draft, id },
    )
  }
}
