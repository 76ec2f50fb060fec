import { CorruptLog } from '../errors.ts'
import { findInChunk } from './chunk.ts'
import { type CommitRecord, isCommit } from './commit.ts'
import type { Database } from './database.ts'
import { queueBody, type StoredBody, sealedChunk } from './sealed.ts'
import type { SegmentRecord } from './stores.ts'

/** Commits that are looked up in one transaction. */
const LOOKED_UP_AT_ONCE = 256
/** The number of segment bodies that are read ahead. */
const AHEAD = 4

/**
 * The records that contain these sequences, in the same order. Sequences in a row that one record contains yield it once.
 * The sequences have to ascend or descend. Throws CorruptLog for a sequence that no record contains.
 */
export async function* recordsAt(database: Database, sequences: readonly number[]): AsyncGenerator<CommitRecord> {
  const [first = 0, last = 0] = [sequences[0], sequences.at(-1)].sort((a = 0, b = 0) => a - b)
  const segments = await segmentsOf(database, first, last)
  const groups: SegmentGroup[] = []
  for (let i = 0; i < sequences.length; ) {
    const group = groupAt(segments, sequences, i)
    groups.push(group)
    i += group.sequences.length
  }
  /** Bodies are read ahead, many in one transaction. The first is read alone, because many callers want only the first record. */
  const bodies: Promise<StoredBody | undefined>[] = []
  const readAhead = (count: number): void => {
    const from = bodies.length
    const some = groups.slice(from, from + count)
    if (!some.length) return
    const read = database.transact(['bodies'], 'readonly', (store) =>
      some.map(({ segment }) => (segment ? queueBody(store, segment.body) : undefined)),
    )
    for (const i of some.keys()) {
      const body = read.then((found) => found[i])
      // The reader gets the error if it gets as far as this body.
      body.catch(() => {})
      bodies.push(body)
    }
  }
  readAhead(1)
  for (const [i, wanted] of groups.entries()) {
    if (i && bodies.length - i <= AHEAD / 2) readAhead(AHEAD)
    const records = await readGroup(database, wanted, await bodies[i])
    let given: CommitRecord | undefined
    for (const sequence of wanted.sequences) {
      if (given && given.first <= sequence && given.last >= sequence) continue
      given = records.find((record) => isCommit(record) && record.first <= sequence && record.last >= sequence)
      if (given) yield given
      else if (wanted.segment) throw new CorruptLog(sequence)
      else {
        // No commit has it. Either it was sealed since the segments were read, or no record contains it.
        if (!(await segmentsOf(database, sequence, sequence)).length) throw new CorruptLog(sequence)
        yield* recordsAt(database, [sequence])
      }
    }
  }
}

interface SegmentGroup {
  readonly segment: SegmentRecord | undefined
  readonly sequences: readonly number[]
}

/** The sequences from `i` on that one read finds. */
function groupAt(segments: readonly SegmentRecord[], sequences: readonly number[], i: number): SegmentGroup {
  const at = (sequence: number): SegmentRecord | undefined =>
    segments.find(({ first, last }) => first <= sequence && last >= sequence)
  const segment = at(sequences[i]!)
  let end = i + 1
  while (end < sequences.length && at(sequences[end]!) === segment && (segment || end - i < LOOKED_UP_AT_ONCE)) end++
  return { segment, sequences: sequences.slice(i, end) }
}

async function segmentsOf({ transact }: Database, first: number, last: number): Promise<readonly SegmentRecord[]> {
  const { result } = await transact(['segments'], 'readonly', (store) =>
    store('segments').getAll(IDBKeyRange.lowerBound(first)),
  )
  return result.filter((segment) => segment.first <= last)
}

async function readGroup(
  database: Database,
  { segment, sequences }: SegmentGroup,
  body: StoredBody | undefined,
): Promise<readonly CommitRecord[]> {
  if (segment) {
    const ascending = [...sequences].sort((a, b) => a - b)
    return findInChunk(ascending, await sealedChunk(database, segment, body))
  }
  const found = await database.transact(['commits'], 'readonly', (store) =>
    sequences.map((sequence) => store('commits').openCursor(IDBKeyRange.upperBound(sequence), 'prev')),
  )
  return found.flatMap(({ result }) => (result ? [result.value] : []))
}
