import type { Hint } from '../log/channel.ts'
import type { CommitRecord } from '../log/commit.ts'

/** Commits that hints carried and that wait to be folded. If there are more, the log is read instead. */
const HINTED_COMMITS_MAX = 1024

/** What a pipeline has heard of its log and has not folded yet. */
export interface News {
  /** What was heard is not all: the log has to be read. */
  isBehind: boolean
  /** Keeps what a hint says. Returns whether it says anything of the log's head. */
  hear(hint: Hint): boolean
  /** The commits that were heard, in the order of the hints. They are kept no longer. */
  drain(): CommitRecord[]
}

export function createNews(): News {
  const hinted: CommitRecord[] = []
  const heard: News = {
    isBehind: true,
    hear(hint) {
      if ('commit' in hint) {
        if (hinted.length < HINTED_COMMITS_MAX) hinted.push(hint.commit)
        else heard.isBehind = true
      } else if ('head' in hint) heard.isBehind = true
      else return false
      return true
    },
    drain: () => hinted.splice(0),
  }
  return heard
}
