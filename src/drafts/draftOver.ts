import { Named } from '../errors.ts'

/**
 * This caller can't write or end the draft: another attempt has begun, another writer has it, or it was removed.
 * Nothing was dispatched.
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
