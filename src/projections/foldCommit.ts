import { ProjectionFailed } from '../errors.ts'
import type { CommitRecord } from '../log/commit.ts'
import type { AnyRecordedEvent } from '../model/events.ts'
import { type Fold, type Journal, undo } from '../model/fold.ts'

/**
 * Folds one whole commit, if it is the next one for this fold. Where `evolve` throws, the fold is failed and what the
 * commit changed is taken back: checkpoints stand only at the ends of commits (rule 1). `folded` is told of each event
 * that the fold handles, right behind its changes.
 */
export function foldCommit(
  fold: Fold,
  { first, last }: CommitRecord,
  events: readonly AnyRecordedEvent[],
  journal: Journal,
  folded?: (event: AnyRecordedEvent) => void,
): void {
  // Event n is folded only if the checkpoint is n - 1.
  if (fold.failed || fold.sequence !== first - 1) return
  const from = journal.length
  let sequence = first
  try {
    for (const event of events) {
      if (!fold.handles(event.type)) continue
      sequence = event.sequence
      fold.apply(event, journal)
      folded?.(event)
    }
    fold.sequence = last
  } catch (error) {
    undo(journal, from)
    fold.failed = new ProjectionFailed(fold.name, sequence, error)
  }
}
