import type { Hint } from '../log/channel.ts'
import type { CommitRecord } from '../log/commit.ts'

/** Commits from hints that may wait to be folded. If there are more, the log is read instead. */
const HINTED_COMMITS_MAX = 1024

/** The hints about its log that a pipeline has received and not folded yet. */
export interface HintQueue {
  /** Commits may be missing here: the log has to be read. */
  isBehind: boolean
  /** Keeps the commit of a hint. Returns whether the hint is about the log's head. */
  hear(hint: Hint): boolean
  /** Removes and returns the commits, in the order of the hints. */
  drain(): CommitRecord[]
}

export function createHintQueue(): HintQueue {
  const hinted: CommitRecord[] = []
  const queue: HintQueue = {
    isBehind: true,
    hear(hint) {
      if ('commit' in hint) {
        if (hinted.length < HINTED_COMMITS_MAX) hinted.push(hint.commit)
        else queue.isBehind = true
      } else if ('head' in hint) queue.isBehind = true
      else return false
      return true
    },
    drain: () => hinted.splice(0),
  }
  return queue
}
