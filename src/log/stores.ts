import type { Json } from '../data.ts'
import type { AnyRecordedEvent } from '../model/events.ts'
import type { CommandEntry, CommitRecord } from './commit.ts'
import type { LocalRecord, Marker, ReadPosition, RejectedCommand, SentCommands } from './local.ts'
import type { WireError } from './wire.ts'

/** What `meta` holds under 'log'. Another id means another log. The lineage stays the same through import and restore. */
export interface LogIdentity {
  readonly id: string
  readonly lineage: string
  /**
   * 0: new, and it is not known yet whether an earlier database has left a mirror, so nothing may be appended. 1: begins at event 1.
   * 2: archived, begins at a base. 3 and 4: as 1 and 2, with a remote: only events that the remote has ordered go into `commits`.
   */
  readonly format: 0 | 1 | 2 | 3 | 4
  /** While the format is 0: the browser said that it had lost a database of this name. */
  readonly dataLoss?: string
  /** The id that the log had while it was empty, before an import or a restore. A tab that knows that id may take the new one. */
  readonly was?: string
  /** The events up to here were archived: projections begin at a base. */
  readonly base?: number
  /** The log was restored from its mirror, up to this event. */
  readonly restored?: { readonly sequence: number; readonly at: number }
  /** The events up to here came with an import. */
  readonly imported?: number
  /** The id of the commit that ends at the base. */
  readonly commit?: string
}

/** A range of sealed commits, under the key `last`. Its chunk is stored in `bodies`, so that look-ups stay small. */
export interface SegmentRecord {
  readonly first: number
  readonly last: number
  /** `'archived'`: stands in for the events that an archive moved, so that the newest key still shows which commits are not log (rule 3). */
  readonly codec: 'gzip' | 'archived'
  /** The checksum of its chunk. */
  readonly checksum: number
  readonly body: string
}

/** Event types that were ever appended, under [type, version]. */
export interface StoredType {
  readonly type: string
  readonly version: number
}

/** Under [identity, build]. Written in the transaction of its pages, so that rows and sequence always belong together. */
export interface Checkpoint {
  readonly identity: string
  /** '' until the first rebuild. A rebuild stores its pages under its own id, and one write swaps them in. */
  readonly build: string
  readonly sequence: number
  /** The first sequence of the commit that ends at `sequence`. If the log has no such commit, another log was folded. */
  readonly first: number
  /** The insertion counter. */
  readonly next: number
  readonly rows: number
  /** The latest time of an event up to `sequence`. Absent if earlier versions folded the first ones. */
  readonly latest?: number
  readonly failed?: { readonly sequence: number; readonly error: WireError }
  /** Development only: hashes of the code that folded the first rows. */
  readonly code?: string
}

/** Under [identity, build, page]: rows by insertion number. `at` has their places in the page if it has gaps. */
export interface Page {
  readonly page: number
  readonly rows: readonly unknown[]
  readonly at?: Uint16Array
}

/** Entries of a row index by key, under [identity, build, part, sequence]. */
export interface FiledRows {
  /** The keys as JSON, because IndexedDB stores text faster than a list. */
  readonly keys: string
  /** Where the sequences of each key end, counted from `base`. */
  readonly ends: Uint32Array
  readonly sequences: Uint32Array
  readonly base: number
}

/** Under [identity, build]: the entries that are not filed yet, and the checkpoint to which the whole index belongs. */
export interface RecentRows {
  readonly sequence: number
  readonly rows: FiledRows
}

/**
 * All rows of a projection as they were after an event, under `PastKey`, where `latest` is the latest time of an event up to there, or
 * Infinity if it is not known.
 */
export interface PastRows {
  readonly lineage: string | undefined
  readonly rows: readonly unknown[]
  /** The insertion number of each row, and the insertion counter. */
  readonly numbers: readonly number[]
  readonly next: number
  /** Development only: as in a checkpoint. */
  readonly code?: string | undefined
}

/** A verified chunk of an import, in `bodies`, that is not visible yet. */
export interface StagedChunk extends SegmentRecord {
  readonly bytes: number
  /** The projection whose rows a base holds; `''`: the command ids and types of an archived log. */
  readonly base?: string
}

/** An import under way. */
export interface Staging {
  /** The id of the import that stages. Another import takes over by writing its own id. */
  readonly owner: string
  readonly chunks: readonly StagedChunk[]
}

/** What a staged chunk adds to `commands` and `types` when it becomes visible. Stored under its body id and `+`. */
export interface Sidecar {
  readonly entries: readonly (readonly [id: string, CommandEntry])[]
  readonly types: readonly (readonly [type: string, version: number])[]
  /** The id of its last commit. */
  readonly commit?: string
}

/**
 * A part of a text that is still being written. The first one, with the header, is under [0, draft, id, epoch], and the others are under
 * [1, draft, id, epoch, offset].
 */
export interface DraftRecord {
  readonly id: string
  /** Identifies one attempt to write it. */
  readonly epoch: string
  /** Characters before it. */
  readonly offset: number
  readonly text: string
  readonly header?: Json
}

/** What `meta` holds, by name. */
export interface Meta {
  log: LogIdentity
  /** The build that tabs read, by projection identity. */
  builds: Readonly<Record<string, string>>
  /** After a quota error: no page is written until the log has grown past this head. */
  hold: { readonly head: number }
  /** Identities whose databases may exist beside this one. */
  tables: readonly string[]
  staged: Staging
  /** Segments that an archive has moved out and whose file was not forgotten (`forget`) yet. */
  archived: readonly SegmentRecord[]
  /** The folder of the user's that the mirror is written to. */
  mirror: FileSystemDirectoryHandle
  /** When `flush` was last called. Nothing reads it: only the strict write matters. */
  flushed: number
  /** How far the remote has been read. */
  remote: ReadPosition
  /** The id of this device on a shared log. Drawn when a reaction first needs it. */
  device: string
}

/** How far a reaction has looked, under [its name]. */
export interface ReactionPosition {
  /** The version of the newest code that has run it. */
  readonly version: number
  /** The lineage of its log, which stays the same through restore and archive. */
  readonly lineage: string
  /** The last event that it has looked at. */
  readonly scanned: number
}

/** An event that a reaction has not settled, under [reaction, command id, index]. */
export interface OpenEvent {
  readonly reaction: string
  /** The place of the event in its command. */
  readonly index: number
  readonly event: AnyRecordedEvent
  readonly lane: string
  /** When it enters its lane, in milliseconds since 1970; 0: at once. */
  readonly due: number
  readonly handler: 'run' | 'lost' | 'failed'
  /** The number of failed attempts of this handler. */
  readonly attempts: number
  /** The next attempt comes no sooner, in milliseconds since 1970. */
  readonly until: number
  /** The epoch of the holder that began the present attempt; '' if there is none. */
  readonly running: string
  readonly error?: WireError
  /** It is not tried again. */
  readonly dead?: true
  /** The length of the chain of reactions that led to it. */
  readonly depth: number
  /** Its command waits for the remote: the event is not in the log yet. */
  readonly local?: true
  /** Settled before its command is in the log. The record stays until the command is there, so that the event does not open again. */
  readonly done?: true
  /** This device, if the reaction runs on each one. */
  readonly device?: string
  /** The command that settles it once the shared log has that command. Stored as a separate record, under this one's key and `'awaits'`. */
  readonly awaits?: string
}

/** An open event is settled by this command, which waits for the remote. */
export interface ReactionAwaits {
  readonly awaits: string
}

/** The one holder that may write to `reactions`, under 'holder'. */
export interface ReactionHolder {
  readonly epoch: string
}

/** The head at which a tab booted, on a log that no holder has looked at yet: its reactions begin there. Under 'booted' and that number. */
export interface ReactionBoot {
  readonly booted: number
}

/** A store whose values have one type. `One`: the type that a single key finds, if a range finds another type. */
export interface TypedStore<T, One = T> {
  readonly name: string
  add(value: T | One, key: IDBValidKey): IDBRequest<IDBValidKey>
  put(value: T | One, key: IDBValidKey): IDBRequest<IDBValidKey>
  get(query: IDBValidKey | IDBKeyRange): IDBRequest<One | undefined>
  getKey(query: IDBValidKey | IDBKeyRange): IDBRequest<IDBValidKey | undefined>
  getAll(query?: IDBValidKey | IDBKeyRange | null, count?: number): IDBRequest<T[]>
  getAllKeys(query?: IDBValidKey | IDBKeyRange | null, count?: number): IDBRequest<IDBValidKey[]>
  openCursor(query?: IDBKeyRange | null, direction?: IDBCursorDirection): IDBRequest<TypedCursor<T> | null>
  openKeyCursor(query?: IDBKeyRange | null, direction?: IDBCursorDirection): IDBRequest<IDBCursor | null>
  delete(query: IDBValidKey | IDBKeyRange): IDBRequest<undefined>
  clear(): IDBRequest<undefined>
}

export type TypedCursor<T> = Omit<IDBCursorWithValue, 'value'> & { readonly value: T }

/** Each name of `meta` has a value of its own type. */
export interface MetaStore {
  readonly name: string
  get<N extends keyof Meta>(name: N): IDBRequest<Meta[N] | undefined>
  add<N extends keyof Meta>(value: Meta[N], name: N): IDBRequest<IDBValidKey>
  put<N extends keyof Meta>(value: Meta[N], name: N): IDBRequest<IDBValidKey>
  delete(name: keyof Meta): IDBRequest<undefined>
}

/** Bytes under their id. While an import is staged, there is also a sidecar under the id and `+`. */
export interface BodyStore extends TypedStore<Uint8Array<ArrayBuffer> | Sidecar, Uint8Array<ArrayBuffer>> {
  get(id: `${string}+`): IDBRequest<Sidecar | undefined>
  get(id: string): IDBRequest<Uint8Array<ArrayBuffer> | undefined>
}

/** The key of a `PastRows`. */
export type PastKey = [identity: string, build: string, at: 'at', sequence: number, latest: number]

/** Entries of row indexes, and beside them the rows of the past. */
export interface RowEventStore extends TypedStore<FiledRows, RecentRows> {
  get(key: PastKey): IDBRequest<PastRows | undefined>
  get(key: IDBValidKey): IDBRequest<RecentRows | undefined>
  put(value: PastRows, key: PastKey): IDBRequest<IDBValidKey>
  put(value: FiledRows | RecentRows, key: IDBValidKey): IDBRequest<IDBValidKey>
}

/** The stores of every database, and what each one holds. */
export interface Stores {
  commits: TypedStore<CommitRecord>
  segments: TypedStore<SegmentRecord>
  bodies: BodyStore
  commands: TypedStore<CommandEntry>
  types: TypedStore<StoredType>
  pages: TypedStore<Page>
  checkpoints: TypedStore<Checkpoint>
  rowEvents: RowEventStore
  bases: TypedStore<SegmentRecord>
  meta: MetaStore
  /** Local commands that a remote has not confirmed yet. */
  outbox: TypedStore<LocalRecord | Marker>
  /** Commands that the shared log refused. */
  rejected: TypedStore<RejectedCommand>
  /** Commands of this device as they were in the outbox, after the remote confirmed them. */
  sent: TypedStore<SentCommands>
  /** The events that reactions have looked at, and those that are open. */
  reactions: TypedStore<
    OpenEvent | ReactionPosition | ReactionBoot | ReactionAwaits,
    OpenEvent | ReactionPosition | ReactionBoot | ReactionAwaits | ReactionHolder
  >
  /** Text that is still being written, in pieces. */
  drafts: TypedStore<DraftRecord>
}

export type StoreName = keyof Stores
export type StoreOf = <N extends StoreName>(name: N) => Stores[N]

/** The IndexedDB version of databases that have all stores. An older database opens as it is: opening upgrades nothing. */
export const VERSION = 11

/** Stores that databases before `VERSION` do not have. `upgradeStores` adds them. */
export const NEWER_STORES = ['outbox', 'rejected', 'sent', 'reactions', 'drafts'] as const

/** The stores of a new database. */
export const STORES: readonly StoreName[] = [
  'commits',
  'segments',
  'bodies',
  'commands',
  'types',
  'pages',
  'checkpoints',
  'rowEvents',
  'bases',
  'meta',
  ...NEWER_STORES,
]
