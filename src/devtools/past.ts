import type { at as openPast, Past } from '../engine/tools/at.ts'
import type { Progress } from '../engine/types.ts'
import type { Session } from './session.ts'

const pasts = new WeakMap<Session, Promise<Past<any, any>>>()

/** The state at an event. The first call folds the log with `at` of the tools. All pages share this one view and move it. */
export async function pastAt(
  session: Session,
  at: typeof openPast,
  sequence: number,
  onProgress: (progress: Progress) => void,
): Promise<Past<any, any>> {
  const opening = pasts.get(session) ?? at(session.engine, sequence, { onProgress })
  pasts.set(session, opening)
  opening.catch(() => pasts.delete(session))
  const past = await opening
  if (past.sequence !== sequence) await past.move(sequence)
  return past
}
