import { caughtName } from '../caught.ts'
import { type Chunk, linesIn, makeChunk, openChunk } from '../log/chunk.ts'
import { type CommandEntry, type CommitRecord, commandsOf } from '../log/commit.ts'
import type { Database, LogIdentity, StoreOf } from '../log/database.ts'
import { BadText } from '../log/gzip.ts'
import { type LocalCommand, localCommandsOf, localRecordsOf, type Marker } from '../log/local.ts'
import { type Outbox, outboxOf, whole } from '../log/outboxOf.ts'
import { stringify } from '../model/json.ts'

// The outbox in a mirror: a separate file, outside the chain of events. If the file exists, the log has a remote.

/** Readers of events skip the file, because its name does not end in `.tidemark`. */
export const UNSENT = 'outbox.unsent'

/** The most commands of one record of a restored outbox. */
const RESTORED_RECORD_COMMANDS = 500

/** The commands of a mirror that no remote had ordered when it was written. */
export interface Unsent {
  readonly lineage: string | undefined
  /** The sequence of the last event on which the commands were decided. */
  readonly base: number
  /** The id of the commit that ends at `base`. */
  readonly last: string
  readonly commands: readonly LocalCommand[]
  /** Why commands may be missing. */
  readonly reason?: string
}

/** Reads the outbox; undefined if the log has no remote. `marker`: the key of the newest known marker. */
export async function readOutbox({ transact }: Database, marker: number): Promise<Outbox | undefined> {
  return outboxOf((await transact(['outbox'], 'readonly', (store) => store('outbox').getAll(whole(marker)))).result)
}

/** Packs the outbox: the marker in the first line, then one line for each record. */
export function packUnsent({ id: log, lineage }: LogIdentity, { marker, records }: Outbox): Promise<Chunk> {
  const range = { first: marker.base + 1, last: marker.base, kind: 'outbox' } as const
  return makeChunk(
    { log, lineage, ...range },
    [marker, ...records].map((one) => lineOf(one)),
  )
}

const lineOf = (one: Marker | { readonly body: string }): string => `${'body' in one ? one.body : stringify(one)}\n`

/** Reads the file of the outbox; undefined if there is none. If it is damaged, `reason` says so: there were commands. */
export async function readUnsent(folder: FileSystemDirectoryHandle): Promise<Unsent | undefined> {
  let bytes: Uint8Array<ArrayBuffer>
  try {
    const file = await (await folder.getFileHandle(UNSENT)).getFile()
    bytes = new Uint8Array(await file.arrayBuffer())
  } catch (error) {
    if (caughtName(error) === 'NotFoundError') return
    throw error
  }
  const nothing = { lineage: undefined, base: 0, last: '', commands: [] }
  const chunk = openChunk(bytes)
  // An empty file: the browser was killed before it wrote the content.
  if (!bytes.length) return nothing
  const damaged = { ...nothing, reason: 'the commands that were not sent are damaged' }
  if (!chunk) return damaged
  try {
    const lines: string[] = []
    for await (const some of linesIn(chunk)) lines.push(...some)
    const [marker, ...bodies] = lines
    const { base, last }: Marker = JSON.parse(marker ?? '')
    const commands = bodies.flatMap((body) => localCommandsOf({ body }))
    return { lineage: chunk.header.lineage, base, last, commands }
  } catch (error) {
    if (error instanceof BadText || error instanceof SyntaxError) return damaged
    throw error
  }
}

/** Adds the ids of the commands in these commits to `arrived`. The outbox file may be older than the event files, and still hold them. */
export function noteArrived(arrived: Set<string>, { base }: Unsent, records: readonly CommitRecord[]): void {
  for (const record of records) if (record.last > base) for (const { id } of commandsOf(record)) arrived.add(id)
}

/**
 * Puts the commands into an empty outbox, after `base`. If they were decided on other events, their own events are dropped, and they are
 * decided again once the remote has been read.
 */
export function putUnsent(
  store: StoreOf,
  { commands, ...unsent }: Unsent,
  n: number,
  base: number,
  last: string,
): void {
  const isSame = unsent.base === base && unsent.last === last
  const local = isSame ? commands : commands.map((command) => ({ ...command, events: [] }))
  store('outbox').put({ n, base, last, generation: n }, n)
  for (const record of localRecordsOf(local, n, RESTORED_RECORD_COMMANDS)) {
    store('outbox').put(record, record.n)
    for (const { id, fingerprint } of localCommandsOf(record)) {
      if (fingerprint === undefined) continue
      const entry: CommandEntry = { sequence: 0, commit: record.id, fingerprint, outbox: true }
      store('commands').put(entry, id)
    }
  }
}

/** Begins a log whose mirror holds nothing but the outbox. */
export async function beginUnsent(database: Database, unsent: Unsent): Promise<void> {
  let newLog: LogIdentity | undefined
  await database.transact(['meta', 'outbox', 'commands'], 'readwrite', (store) => {
    const now = store('meta').get('log')
    now.onsuccess = () => {
      const { dataLoss: _, ...log } = now.result!
      newLog = log
      if (log.format) return
      newLog = { ...log, format: 3, restored: { sequence: 0, at: Date.now() } }
      store('meta').put(newLog, 'log')
      putUnsent(store, unsent, 1, 0, '')
    }
  })
  database.log = newLog
}
