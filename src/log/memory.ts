import type { CommandEntry, CommitRecord } from './commit.ts'
import type { Log } from './log.ts'

/** A log that lives as long as the page: `storage: 'memory'`. */
export function createMemoryLog(): Log {
  const commits: CommitRecord[] = []
  const commands = new Map<string, CommandEntry>()
  const head = (): number => commits.at(-1)?.last ?? 0
  /** The records that end after a sequence, found by bisection: callers mostly want the newest few. */
  const after = (sequence: number): CommitRecord[] => {
    let from = 0
    for (let to = commits.length; from < to; ) {
      const middle = (from + to) >> 1
      if (commits[middle]!.last > sequence) to = middle
      else from = middle + 1
    }
    return commits.slice(from)
  }
  const append: Log['append'] = async (record, { entries, extra }) => {
    if (record.first !== head() + 1) return 'raced'
    const taken = entries.find(([id]) => commands.has(id))
    if (taken) return { taken: taken[0] }
    commits.push(record)
    for (const [id, entry] of entries) commands.set(id, entry)
    if (extra) for (const { keep } of extra) keep?.()
    return 'appended'
  }
  return {
    append,
    async appendInside(sequence, ids, decide) {
      const decided = decide(after(sequence), new Set(ids.filter((id) => commands.has(id))))
      return !!decided && (await append(decided.record, decided.beside)) === 'appended'
    },
    async *readAfter(sequence, signal) {
      signal?.throwIfAborted()
      const records = after(sequence)
      if (records.length) yield records
    },
    async checkHead(sequence, ids) {
      const found = ids.flatMap((id) => {
        const entry = commands.get(id)
        return entry ? [[id, entry] as const] : []
      })
      return { raced: head() > sequence, entries: new Map(found) }
    },
    async write({ keep }) {
      keep?.()
    },
    async flush() {},
  }
}
