import { CorruptLog } from '../../errors.ts'
import type { CommitRecord } from '../../log/commit.ts'
import type { Log } from '../../log/log.ts'

/** The most characters of records that stay unpacked: about 100,000 events. */
const KEPT_CHARACTERS = 33_554_432

/** The log around a moving point: contiguous records, kept unpacked in memory, so that the next one is found at once. */
export interface RecordsNear {
  /** The record that holds the event, if it is in memory. */
  find(sequence: number): CommitRecord | undefined
  /** Reads a batch that begins with the record of this event. Throws CorruptLog if there is none. */
  load(sequence: number): Promise<void>
}

type ReadAhead = ReturnType<Log['readAfter']>

export function recordsNear(log: Log): RecordsNear {
  let records: CommitRecord[] = []
  let characters = 0
  /** The index where the next search begins, because it mostly wants the next sequence. */
  let near = 0
  /** The next batch is read while this one is folded. */
  let reading:
    | { readonly batches: ReadAhead; readonly ahead: ReturnType<ReadAhead['next']>; readonly from: number }
    | undefined

  const firstOf = (): number => records[0]?.first ?? 0
  const lastOf = (): number => records.at(-1)?.last ?? 0

  function keep(batch: readonly CommitRecord[]): void {
    const behind = batch[0]!.first === lastOf() + 1
    // Records that end before those in memory go before them, if they reach up to them.
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
      // Reads again if the batch that was read ahead is empty: the log may have grown since.
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
