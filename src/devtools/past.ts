import type { Past } from '../engine/tools/at.ts'
import type { Progress } from '../engine/types.ts'
import type { Session } from './session.ts'
import { toolsPart } from './toolsPart.ts'

const pasts = new WeakMap<Session, Promise<Past<any, any>>>()

/** The state at an event. The first call folds the log; all panels share one view, which moves from then on. */
export async function pastAt(
  session: Session,
  sequence: number,
  onProgress: (progress: Progress) => void,
): Promise<Past<any, any>> {
  const open = async (): Promise<Past<any, any>> => {
    const { at } = await toolsPart.load()
    return at(session.engine, sequence, { onProgress })
  }
  const opening = pasts.get(session) ?? open()
  pasts.set(session, opening)
  opening.catch(() => pasts.delete(session))
  const past = await opening
  if (past.sequence !== sequence) await past.move(sequence)
  return past
}
