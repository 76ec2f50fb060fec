import type { Json } from '../data.ts'
import type { AnyRecordedEvent } from '../model/events.ts'
import type { CommandEntry, CommitRecord } from './commit.ts'
import type { LocalRecord, Marker, ReadPosition, RejectedCommand, SentCommands } from './local.ts'
import type { WireError } from './wire.ts'

/** What `meta` holds under 'log'. Another id is another log; the lineage survives import and restore. */
export interface LogIdentity {
  readonly id: string
  readonly lineage: string
  /**
   * 0: nobody has looked yet whether an earlier database has left a mirror; nothing may be appended. 2: archived, the
   * log begins at a base. 3 and 4: as 1 and 2, with a remote: only what the remote has ordered goes into `commits`.
   */
  readonly format: 0 | 1 | 2 | 3 | 4
  /** While the format is 0: the browser said that it had lost a database of this name. */
  readonly dataLoss?: string
  /** The id before it became another log, while it was empty: a tab that holds that one may take this one. */
  readonly was?: string
  /** The events up to here were archived: projections begin at a base. */
  readonly base?: number
  /** The log was restored from its mirror, up to this event. */
  readonly restored?: { readonly sequence: number; readonly at: number }
  /** The events up to here came with an import. */
  readonly imported?: number
  /** Of the commit that ends at the base. */
  readonly commit?: string
}

/** A range of sealed commits, under the key `last`; its chunk is kept in `bodies`, so that look-ups stay small. */
export interface SegmentRecord {
  readonly first: number
  readonly last: number
  /** `'archived'`: stands for the events that an archive took, so that the newest key still says what is not in the log. */
  readonly codec: 'gzip' | 'archived'
  /** The chunk's. */
  readonly checksum: number
  readonly body: string
}

/** Event types that were ever appended, under [type, version]. */
export interface StoredType {
  readonly type: string
  readonly version: number
}

/** Under [identity, build]. Written in the transaction of its pages, so that rows and sequence can't part. */
export interface Checkpoint {
  readonly identity: string
  /** '' until a rebuild: pages of a rebuild are kept under an id of its own and are swapped in by one write. */
  readonly build: string
  readonly sequence: number
  /** Where the commit that ends at `sequence` begins: without it, the log is another than the one that was folded. */
  readonly first: number
  /** The insertion counter. */
  readonly next: number
  readonly rows: number
  readonly failed?: { readonly sequence: number; readonly error: WireError }
  /** Development only: of the code that folded the first rows. */
  readonly code?: string
}

/** Under [identity, build, page]: rows by insertion number; `at` are their places in the page if it has gaps. */
export interface Page {
  readonly page: number
  readonly rows: readonly unknown[]
  readonly at?: Uint16Array
}

/** Entries of a row index by key, under [identity, build, part, sequence]. */
export interface FiledRows {
  /** JSON of their keys: text costs IndexedDB less than a list. */
  readonly keys: string
  /** Where the sequences of each key end, counted from `base`. */
  readonly ends: Uint32Array
  readonly sequences: Uint32Array
  readonly base: number
}

/** Under [identity, build]: what is not filed yet, and the checkpoint that the whole index belongs to. */
export interface RecentRows {
  readonly sequence: number
  readonly rows: FiledRows
}

/** A verified chunk of an import in `bodies` that nobody reads yet. */
export interface StagedChunk extends SegmentRecord {
  readonly bytes: number
  /** The projection whose rows a base holds; `''`: the command ids and types of an archived log. */
  readonly base?: string
}

/** An import under way. */
export interface Staging {
  /** Who stages. Another import takes over by writing its own. */
  readonly owner: string
  readonly chunks: readonly StagedChunk[]
}

/** What becomes of a staged chunk beside its segment; under its body id and `+`. */
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
  /** Of one attempt to write it. */
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
  /** Segments that an archive took and that its caller has not forgotten yet. */
  archived: readonly SegmentRecord[]
  /** The folder of the user's that the mirror is written to. */
  mirror: FileSystemDirectoryHandle
  /** When `flush` was last called; only writing it matters. */
  flushed: number
  /** How far the remote has been read. */
  remote: ReadPosition
  /** Which of the devices of a shared log this is, as soon as one of its reactions has to know. */
  device: string
}

/** How far a reaction has looked, under [its name]. */
export interface ReactionPosition {
  /** Of the newest code that has run it. */
  readonly version: number
  /** The log that it belongs to; it outlives restore and archive. */
  readonly lineage: string
  /** Each event up to here was looked at. */
  readonly scanned: number
}

/** An event that a reaction has not settled, under [reaction, command id, index]. */
export interface OpenEvent {
  readonly reaction: string
  /** Of the event in its command. */
  readonly index: number
  readonly event: AnyRecordedEvent
  readonly lane: string
  /** When it enters its lane, in milliseconds since 1970; 0: at once. */
  readonly due: number
  readonly handler: 'run' | 'lost' | 'failed'
  /** Of this handler, those that failed. */
  readonly attempts: number
  /** No attempt before then, in milliseconds since 1970. */
  readonly until: number
  /** The epoch of the holder that began the attempt under way; '' if none is. */
  readonly running: string
  readonly error?: WireError
  /** Nobody tries again. */
  readonly dead?: true
  /** Reactions that led to it, one from the other. */
  readonly depth: number
  /** Its command waits for the remote: the event is not in the log yet. */
  readonly local?: true
  /** Settled before its command was in the log. It is kept until then, so that it does not open again. */
  readonly done?: true
  /** This device, if the reaction runs on each one. */
  readonly device?: string
  /** The command that settles it as soon as the shared log has it. Stored as a record of its own, under the key of this one and `'awaits'`. */
  readonly awaits?: string
}

/** An open event ends with this command, which waits for the remote. */
export interface ReactionAwaits {
  readonly awaits: string
}

/** Who may write about reactions, under 'holder'. */
export interface ReactionHolder {
  readonly epoch: string
}

/** Where the reactions of a tab begin on a log that no holder has looked at yet, under 'booted' and that number. */
export interface ReactionBoot {
  readonly booted: number
}

/** A store whose values have one type. `One`: what a single key finds, if ranges find something else. */
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

/** Bytes under their id, and while an import is staged, a sidecar under the id and `+`. */
export interface BodyStore extends TypedStore<Uint8Array<ArrayBuffer> | Sidecar, Uint8Array<ArrayBuffer>> {
  get(id: `${string}+`): IDBRequest<Sidecar | undefined>
  get(id: string): IDBRequest<Uint8Array<ArrayBuffer> | undefined>
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
  rowEvents: TypedStore<FiledRows, RecentRows>
  bases: TypedStore<SegmentRecord>
  meta: MetaStore
  /** Local commands that a remote has not confirmed yet. */
  outbox: TypedStore<LocalRecord | Marker>
  /** Commands that the shared log refused. */
  rejected: TypedStore<RejectedCommand>
  /** Own commands as they were in the outbox, after they were confirmed. */
  sent: TypedStore<SentCommands>
  /** Which events reactions have looked at, and which are open. */
  reactions: TypedStore<
    OpenEvent | ReactionPosition | ReactionBoot | ReactionAwaits,
    OpenEvent | ReactionPosition | ReactionBoot | ReactionAwaits | ReactionHolder
  >
  /** Text that is still being written, in pieces. */
  drafts: TypedStore<DraftRecord>
}

export type StoreName = keyof Stores
export type StoreOf = <N extends StoreName>(name: N) => Stores[N]

/** The number of databases that have all stores. An older one opens as it is: nothing is upgraded by opening. */
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
