import type { Json } from '../data.ts'
import { nextId } from '../ids.ts'
import { stringify } from '../model/json.ts'
import type { StoredCommand } from './commit.ts'

// What a log with a remote keeps beside the events that the remote has ordered.

/** A command that the remote has not ordered yet: as the log will keep it, and what deciding it again needs. */
export interface LocalCommand extends StoredCommand {
  readonly name: string
  readonly input?: Json
  /** The ids that it drew. */
  readonly ids: readonly string[]
  /** Of the code that decided it. */
  readonly model: number
}

/** One append to the outbox, under the key `n`. `body` is the JSON of its `LocalCommand[]`. */
export interface LocalRecord {
  readonly n: number
  readonly id: string
  readonly body: string
}

/**
 * Where the outbox begins, under the key `n`: the records above it were decided on the events up to `base`. A record below it is not
 * outbox: a tab that had fallen behind put it there.
 */
export interface Marker {
  readonly n: number
  readonly base: number
  /** Id of the commit that ends at `base`; `''` before the first one. */
  readonly last: string
  /** Grows whenever the outbox is rewritten. The key `-generation` is taken then, so two writers can't rewrite the same one. */
  readonly generation: number
}

/** A command that the shared log refused, under its id. */
export interface RejectedCommand extends Omit<LocalCommand, 'events'> {
  /** What it gave on this device. */
  readonly events: LocalCommand['events']
  readonly error: { readonly name: string; readonly message: string; readonly [field: string]: unknown }
  /** The last event of the state that it was refused on. */
  readonly sequence: number
}

/** Own commands as they were in the outbox, under the first of their sequences in the log. */
export interface SentCommands {
  /** When they came into the log, in milliseconds since 1970. */
  readonly at: number
  readonly body: string
  /** Characters of all bodies up to this one, with those that were deleted: sizes are known without reading what is between. */
  readonly total: number
}

/** How far the remote has been read. */
export interface ReadPosition extends TrailMark {
  /** Earlier messages, the newest first. */
  readonly trail: readonly TrailMark[]
}

/** A message of the remote, and where the log stands that all messages up to it make. */
export interface TrailMark {
  readonly position: string
  /** Of the message there; `''` at the beginning. */
  readonly id: string
  readonly head: number
  /** The id of the commit that ends at `head`. */
  readonly last: string
}

/** Nothing has been read. */
export const BEGINNING: ReadPosition = { position: '', id: '', head: 0, last: '', trail: [] }

/** Puts commands into records behind `n`. */
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

/** Another tab's message: is it a record at all? */
export const isLocal = (value: unknown): value is LocalRecord => {
  // Each is checked below.
  const { n, id, body } = (value ?? {}) as LocalRecord
  return Number.isSafeInteger(n) && n > 0 && typeof id === 'string' && typeof body === 'string'
}

/** Ids of commands that reactions dispatch. Each names what it is for, so the first receipt answers it, whatever the input. */
export const isOfReaction = (id: string): boolean => id.startsWith('reaction:')

/** The formats of a log with a remote. */
export const isShared = (log: { readonly format: number } | undefined): boolean => (log?.format ?? 0) > 2
