import { CorruptLog } from '../errors.ts'
import type { SegmentRecord } from './chunk.ts'
import { type CommitRecord, isCommit } from './commit.ts'
import type { Database } from './database.ts'

/** Commits that are looked up in one transaction. */
const BATCH = 256

/**
 * The records that contain these sequences, in their order, each once where they follow each other. The sequences
 * ascend or descend. Throws CorruptLog for one that is nowhere.
 */
export async function* recordsAt(database: Database, sequences: readonly number[]): AsyncGenerator<CommitRecord> {
  const [first = 0, last = 0] = [sequences[0], sequences.at(-1)].sort((a = 0, b = 0) => a - b)
  const segments = await segmentsOf(database, first, last)
  /** What is read next, begun while the one before it is looked through. */
  let ahead: Promise<readonly CommitRecord[]> | undefined
  for (let i = 0; i < sequences.length; ) {
    const wanted = groupAt(segments, sequences, i)
    i += wanted.sequences.length
    const records = await (ahead ?? read(database, wanted))
    ahead = i < sequences.length ? read(database, groupAt(segments, sequences, i)) : undefined
    ahead?.catch(() => {})
    let given: CommitRecord | undefined
    for (const sequence of wanted.sequences) {
      if (given && given.first <= sequence && given.last >= sequence) continue
      given = records.find((record) => isCommit(record) && record.first <= sequence && record.last >= sequence)
      if (given) yield given
      else if (wanted.segment) throw new CorruptLog(sequence)
      else {
        // Sealed since the segments were read, or nowhere.
        if (!(await segmentsOf(database, sequence, sequence)).length) throw new CorruptLog(sequence)
        yield* recordsAt(database, [sequence])
      }
    }
  }
}

interface Group {
  readonly segment: SegmentRecord | undefined
  readonly sequences: readonly number[]
}

/** The sequences from `i` on that one read answers. */
function groupAt(segments: readonly SegmentRecord[], sequences: readonly number[], i: number): Group {
  const at = (sequence: number): SegmentRecord | undefined =>
    segments.find(({ first, last }) => first <= sequence && last >= sequence)
  const segment = at(sequences[i] as number)
  let end = i + 1
  while (end < sequences.length && at(sequences[end] as number) === segment && (segment || end - i < BATCH)) end++
  return { segment, sequences: sequences.slice(i, end) }
}

async function segmentsOf({ transact }: Database, first: number, last: number): Promise<readonly SegmentRecord[]> {
  const { result } = await transact(
    ['segments'],
    'readonly',
    (store): IDBRequest<SegmentRecord[]> => store('segments').getAll(IDBKeyRange.lowerBound(first)),
  )
  return result.filter((segment) => segment.first <= last)
}

async function read({ transact, log }: Database, { segment, sequences }: Group): Promise<readonly CommitRecord[]> {
  if (segment) {
    const { result } = await transact(['bodies'], 'readonly', (store) => store('bodies').get(segment.body))
    const { find } = await import('./chunk.ts')
    return find(
      [...sequences].sort((a, b) => a - b),
      segment,
      result,
      log,
    )
  }
  const found = await transact(['commits'], 'readonly', (store) =>
    sequences.map((sequence) => store('commits').openCursor(IDBKeyRange.upperBound(sequence), 'prev')),
  )
  return found.flatMap(({ result }) => (result ? [result.value as CommitRecord] : []))
}
