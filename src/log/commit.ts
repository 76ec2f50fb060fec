import type { Json } from '../data.ts'
import { CorruptLog } from '../errors.ts'
import type { AnyRecordedEvent, EventTypesAtRuntime, StoredEvent } from '../model/events.ts'

/**
 * Characters that a line of a chunk may have: a commit's body, or the rows of a page. Readers refuse a longer one, so
 * nothing longer may be appended.
 */
export const MOST_LINE_CHARACTERS = 67_108_864

/** What led to a command: a reaction, and the command whose event it reacted to. */
export interface Cause {
  readonly reaction: string
  readonly commandId: string
  /** The length of the chain of reactions that led to it: 1 for a reaction to a command of a person. */
  readonly depth: number
  /** The command settles the event with this index in that command. */
  readonly settles?: number
}

/** One command as the log stores it. `fingerprint` is present only if the caller gave the id. */
export interface StoredCommand {
  readonly id: string
  readonly fingerprint?: string
  readonly at: number
  readonly meta?: Json
  readonly cause?: Cause
  /** The device that dispatched it. Present only on a log with a remote, and only if the app has reactions. */
  readonly device?: string
  readonly events: readonly StoredEvent[]
}

/**
 * One append, under the key `first`. `body` is the JSON of its `StoredCommand[]`. Storing text costs IndexedDB
 * half as much as cloning the same objects, and sealing copies text without parsing it.
 */
export interface CommitRecord {
  readonly id: string
  readonly first: number
  readonly last: number
  readonly body: string
}

/** The answer to a caller's command id: the sequence of the command's last event, and the commit that holds it. */
export interface CommandEntry {
  readonly sequence: number
  readonly commit: string
  readonly fingerprint: string
  /** It waits in the outbox, in the record `commit`: it has no sequence yet. */
  readonly outbox?: true
}

export const commandsOf = (record: CommitRecord): readonly StoredCommand[] => JSON.parse(record.body)

/** Checks whether another tab's message or a stored value is a commit. */
export const isCommit = (value: unknown): value is CommitRecord => {
  // Each is checked below.
  const { id, first, last, body } = (value ?? {}) as CommitRecord
  return (
    typeof id === 'string' &&
    typeof body === 'string' &&
    Number.isSafeInteger(first) &&
    Number.isSafeInteger(last) &&
    first > 0 &&
    last >= first
  )
}

/** The events of one stored command in today's types; `sequence` is that of its first one. */
export const recordedOf = (
  { id, at: time, meta, events }: Pick<StoredCommand, 'id' | 'at' | 'events'> & { readonly meta?: Json | undefined },
  sequence: number,
  types: EventTypesAtRuntime,
): AnyRecordedEvent[] =>
  events.map((event, i) => {
    const at = sequence + i
    const { type, version, data } = types.today(event, at)
    // Written out, because spreading an object that JSON.parse made costs more than the rest of a replay.
    const recorded: AnyRecordedEvent =
      version === undefined
        ? { type, data, at: time, commandId: id, sequence: at }
        : { type, version, data, at: time, commandId: id, sequence: at }
    if (meta !== undefined) recorded.meta = meta
    return recorded
  })

/**
 * All events of a commit in today's types. Throws OutdatedCodeError for an event that this code does not know, and CorruptLog if the commit
 * does not hold as many events as its numbers say.
 */
export function eventsOf(record: CommitRecord, types: EventTypesAtRuntime): AnyRecordedEvent[] {
  const events: AnyRecordedEvent[] = []
  let commands: readonly StoredCommand[] = []
  try {
    commands = commandsOf(record)
  } catch {}
  for (const command of commands)
    for (const event of recordedOf(command, record.first + events.length, types)) events.push(event)
  if (record.first + events.length !== record.last + 1) throw new CorruptLog(record.first)
  return events
}
