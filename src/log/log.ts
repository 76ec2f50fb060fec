import { type AppendDetails, type Appended, append, type ExtraWrite } from './append.ts'
import type { appendInside, DecideInside } from './appendInside.ts'
import { type CommitRecord, commandsOf, type StoredCommand } from './commit.ts'
import { type Database, numberKeyOf } from './database.ts'
import { checkHead, type HeadCheck } from './head.ts'
import { type FindRecord, type ReadSegment, readRecords } from './readRecords.ts'

/** The event log: the same contract over IndexedDB and over memory. */
export interface Log {
  append(record: CommitRecord, beside: AppendDetails): Promise<Appended>
  appendInside(
    after: number,
    ids: readonly string[],
    decide: DecideInside,
    durability: 'relaxed' | 'strict',
    extra?: readonly ExtraWrite[],
  ): Promise<boolean>
  /**
   * Reads the commits after a sequence, in batches. `atRecordEnd`: a record ends at `after`, as at every head. Without it, the first batch begins
   * with the record that contains the next event. Calls `onLastBatch` before a batch that is known to be the last.
   */
  readAfter(
    after: number,
    signal?: AbortSignal,
    atRecordEnd?: boolean,
    onLastBatch?: () => void,
  ): AsyncGenerator<readonly CommitRecord[], void>
  checkHead(head: number, ids: readonly string[]): Promise<HeadCheck>
  /** Runs the write of a command that is in the log already. */
  write(extra: ExtraWrite): Promise<unknown>
  /** Writes in a strict transaction. When it resolves, everything before it is on the disk, too. */
  flush(): Promise<unknown>
}

/** Finds the first sequence of the record that contains a sequence. A record below the end of the newest segment is not part of the log. */
const findRecord: FindRecord = (store, sequence, tell) => {
  const newest = store('segments').openKeyCursor(null, 'prev')
  const floor = store('commits').openKeyCursor(IDBKeyRange.upperBound(sequence), 'prev')
  floor.onsuccess = () => tell(numberKeyOf(floor) > numberKeyOf(newest) ? numberKeyOf(floor) : sequence)
}

/** Code that a log seldom needs, so that a page loads it later than the rest. */
export interface SeldomNeeded {
  readonly appendInside: typeof appendInside
  readonly readSegment: ReadSegment
}

/** The log in IndexedDB. */
export function createLog(database: Database, load: () => Promise<SeldomNeeded>): Log {
  const readSegment: ReadSegment = async (...given) => (await load()).readSegment(...given)
  return {
    append: (...given) => append(database, ...given),
    appendInside: async (...given) => (await load()).appendInside(database, ...given),
    readAfter: (after, signal, atRecordEnd, onLastBatch) =>
      readRecords(readSegment, database, after, signal, atRecordEnd ? undefined : findRecord, onLastBatch),
    checkHead: (...given) => checkHead(database, ...given),
    write: ({ stores, write }) => database.transact([...stores], 'readwrite', (store) => write(store)),
    flush: () =>
      database.transact(['meta'], 'readwrite', (store) => store('meta').put(Date.now(), 'flushed'), 'strict'),
  }
}

/** The stored command with this id in the record that contains `sequence`, and the sequence of its first event. */
export async function readCommand(
  log: Log,
  id: string,
  sequence: number,
): Promise<{ command: StoredCommand; first: number } | undefined> {
  for await (const [record] of log.readAfter(sequence - 1)) {
    if (!record) return
    let { first } = record
    for (const command of commandsOf(record)) {
      if (command.id === id) return { command, first }
      first += command.events.length
    }
    return
  }
}
