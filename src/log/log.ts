import { type Appended, append, type Beside, type Inside } from './append.ts'
import type { appendInside, DecideInside } from './appendInside.ts'
import { type CommitRecord, commandsOf, type StoredCommand } from './commit.ts'
import { type Database, numberKeyOf } from './database.ts'
import { type FindRecord, follow, type ReadSegment } from './follow.ts'
import { type Found, lookAtHead } from './look.ts'

/** The event log: the same contract over IndexedDB and over memory. */
export interface Log {
  append(record: CommitRecord, beside: Beside): Promise<Appended>
  appendInside(
    after: number,
    ids: readonly string[],
    decide: DecideInside,
    durability: 'relaxed' | 'strict',
    inside?: readonly Inside[],
  ): Promise<boolean>
  /** `atEnd`: a record ends at `after`, as one does at every head. `ends` is called before a batch that is known to be the last. */
  readAfter(
    after: number,
    signal?: AbortSignal,
    atEnd?: boolean,
    ends?: () => void,
  ): AsyncGenerator<readonly CommitRecord[], void>
  look(head: number, ids: readonly string[]): Promise<Found>
  /** Writes what belongs to a command that is in the log already. */
  write(inside: Inside): Promise<unknown>
  /** A strict transaction that writes something: everything before it is on the disk. */
  flush(): Promise<unknown>
}

/** A record may start before the sequence; what starts under the seal is not log. */
const findRecord: FindRecord = (store, sequence, tell) => {
  const newest = store('segments').openKeyCursor(null, 'prev')
  const floor = store('commits').openKeyCursor(IDBKeyRange.upperBound(sequence), 'prev')
  floor.onsuccess = () => tell(numberKeyOf(floor) > numberKeyOf(newest) ? numberKeyOf(floor) : sequence)
}

/** What a log needs now and then: a page loads its code later than the rest. */
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
    readAfter: (after, signal, atEnd, ends) =>
      follow(readSegment, database, after, signal, atEnd ? undefined : findRecord, ends),
    look: (...given) => lookAtHead(database, ...given),
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
