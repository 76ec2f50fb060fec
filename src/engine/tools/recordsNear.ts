import { CorruptLog } from '../../errors.ts'
import type { CommitRecord } from '../../log/commit.ts'
import type { Log } from '../../log/log.ts'

/** Characters of records that stay unpacked: about 100,000 events. */
const KEPT_CHARACTERS = 33_554_432

/** The log around a point that moves: contiguous records, kept unpacked, so that the next one is at hand. */
export interface RecordsNear {
  /** The record that holds the event, if it is at hand. */
  find(sequence: number): CommitRecord | undefined
  /** Reads a batch that begins with it. Throws CorruptLog where there is none. */
  load(sequence: number): Promise<void>
}

type ReadAhead = ReturnType<Log['readAfter']>

export function recordsNear(log: Log): RecordsNear {
  let records: CommitRecord[] = []
  let characters = 0
  /** Where the next sequence is, most often. */
  let near = 0
  /** The next batch is read while this one is folded. */
  let reading:
    | { readonly batches: ReadAhead; readonly ahead: ReturnType<ReadAhead['next']>; readonly from: number }
    | undefined

  const firstOf = (): number => records[0]?.first ?? 0
  const lastOf = (): number => records.at(-1)?.last ?? 0

  function keep(batch: readonly CommitRecord[]): void {
    const behind = batch[0]!.first === lastOf() + 1
    // What reaches into the records at hand, or up to them, goes before them.
    const before = batch.filter(({ last }) => last < firstOf())
    const joins = before.at(-1)?.last === firstOf() - 1
    const added = behind || !joins ? batch : before
    if (!behind && !joins) characters = 0
    for (const { body } of added) characters += body.length
    if (behind) records.push(...added)
    else records = joins ? [...added, ...records] : [...added]
    let [from, to] = [0, records.length]
    while (characters > KEPT_CHARACTERS && to - from > added.length)
      characters -= records[behind ? from++ : --to]!.body.length
    if (to - from < records.length) records = records.slice(from, to)
  }

  return {
    find(sequence) {
      let [low, high] = [0, records.length - 1]
      for (let at = Math.min(near, high); low <= high; at = (low + high) >> 1) {
        const record = records[at]!
        if (sequence < record.first) high = at - 1
        else if (sequence > record.last) low = at + 1
        else {
          near = sequence === record.last ? at + 1 : at
          return record
        }
      }
      return
    },
    async load(sequence) {
      // What was read ahead may have been the end then.
      const ahead = reading?.from === sequence ? (await reading.ahead).value : undefined
      const batches = ahead ? reading!.batches : log.readAfter(sequence - 1)
      const batch = ahead ?? (await batches.next()).value
      const last = batch?.at(-1)?.last
      if (!batch || last === undefined) throw new CorruptLog(sequence)
      keep(batch)
      reading = { batches, ahead: batches.next(), from: last + 1 }
      reading.ahead.catch(() => {})
    },
  }
}
