import type { Json } from '../data.ts'
import { nextId } from '../ids.ts'
import { stringify } from '../model/json.ts'
import type { StoredCommand } from './commit.ts'

// What a log with a remote stores besides the events that the remote has ordered.

/** A command that the remote has not ordered yet: as the log will store it, with what is needed to decide it again. */
export interface LocalCommand extends StoredCommand {
  readonly name: string
  readonly input?: Json
  /** The ids that the command drew from its context. */
  readonly ids: readonly string[]
  /** The version of the model that decided it. */
  readonly model: number
}

/** One append to the outbox, under the key `n`. `body` is the JSON of its `LocalCommand[]`. */
export interface LocalRecord {
  readonly n: number
  readonly id: string
  readonly body: string
}

/**
 * Where the outbox begins, under the key `n`. The records above it were decided on the events up to `base`. A record below it is not
 * part of the outbox: a tab that did not know of this marker yet added it.
 */
export interface Marker {
  readonly n: number
  readonly base: number
  /** Id of the commit that ends at `base`; `''` before the first one. */
  readonly last: string
  /** Grows whenever the outbox is rewritten. Each rewrite adds the key `-generation`, so two writers can't rewrite the same outbox. */
  readonly generation: number
}

/** A command that the shared log refused, under its id. */
export interface RejectedCommand extends Omit<LocalCommand, 'events'> {
  /** The events that it gave on this device. */
  readonly events: LocalCommand['events']
  readonly error: { readonly name: string; readonly message: string; readonly [field: string]: unknown }
  /** The last event of the state on which it was refused. */
  readonly sequence: number
}

/** Own commands as they were in the outbox, under the first of their sequences in the log. */
export interface SentCommands {
  /** When they came into the log, in milliseconds since 1970. */
  readonly at: number
  readonly body: string
  /** Characters of all bodies up to this one, also of deleted ones: the size of a range is known without reading it. */
  readonly total: number
}

/** How far the remote has been read. */
export interface ReadPosition extends TrailMark {
  /** Earlier messages, the newest first. */
  readonly trail: readonly TrailMark[]
}

/** A message of the remote, and the head of the log that all messages up to it make. */
export interface TrailMark {
  readonly position: string
  /** The id of the message there; `''` at the beginning. */
  readonly id: string
  readonly head: number
  /** The id of the commit that ends at `head`. */
  readonly last: string
}

/** The position before anything was read. */
export const BEGINNING: ReadPosition = { position: '', id: '', head: 0, last: '', trail: [] }

/** Puts commands into records that follow `n`. */
export function localRecordsOf(commands: readonly LocalCommand[], n: number, most: number): LocalRecord[] {
  const records: LocalRecord[] = []
  for (let at = 0; at < commands.length; at += most)
    records.push({ n: n + records.length + 1, id: nextId(), body: stringify(commands.slice(at, at + most)) })
  return records
}

export const localCommandsOf = ({ body }: Pick<LocalRecord, 'body'>): readonly LocalCommand[] => JSON.parse(body)

/** What an empty outbox of a new log holds. */
export const FIRST_MARKER: Marker = { n: 0, base: 0, last: '', generation: 0 }

export const isMarker = (value: unknown): value is Marker =>
  // A guard asks before it knows.
  Number.isSafeInteger((value as Marker | undefined)?.base)

/** Checks whether another tab's message, or a stored value, is a record. */
export const isLocal = (value: unknown): value is LocalRecord => {
  // Each is checked below.
  const { n, id, body } = (value ?? {}) as LocalRecord
  return Number.isSafeInteger(n) && n > 0 && typeof id === 'string' && typeof body === 'string'
}

/** Is this the id of a command of a reaction? Such an id names its purpose, so the first receipt answers it, even for another input. */
export const isOfReaction = (id: string): boolean => id.startsWith('reaction:')

/** The formats of a log with a remote. */
export const isShared = (log: { readonly format: number } | undefined): boolean => (log?.format ?? 0) > 2
