import { caughtName } from '../caught.ts'
import { type Chunk, linesIn, makeChunk, openChunk } from '../log/chunk.ts'
import { type CommandEntry, type CommitRecord, commandsOf } from '../log/commit.ts'
import type { Database, LogIdentity, StoreOf } from '../log/database.ts'
import { BadText } from '../log/gzip.ts'
import { type LocalCommand, localCommandsOf, localRecordsOf, type Marker } from '../log/local.ts'
import { type Outbox, outboxOf, whole } from '../log/outboxOf.ts'
import { stringify } from '../model/json.ts'

// The outbox in a mirror: a file of its own, no part of the chain of events. That it is there says that the log has a remote.

/** Not a file of events: readers of events do not look at it. */
export const UNSENT = 'outbox.unsent'

/** Commands of one record of a restored outbox. */
const RESTORED_RECORD_COMMANDS = 500

/** The commands of a mirror that no remote had ordered when it was written. */
export interface Unsent {
  readonly lineage: string | undefined
  /** They were decided on the events up to here. */
  readonly base: number
  /** The id of the commit that ends there. */
  readonly last: string
  readonly commands: readonly LocalCommand[]
  /** Why they are not all that there were. */
  readonly reason?: string
}

/** What is in the outbox now; undefined if the log has no remote. */
export async function readOutbox({ transact }: Database): Promise<Outbox | undefined> {
  return outboxOf((await transact(['outbox'], 'readonly', (store) => store('outbox').getAll(whole()))).result)
}

/** The marker in the first line, then one line for each record. */
export function packUnsent({ id: log, lineage }: LogIdentity, { marker, records }: Outbox): Promise<Chunk> {
  const range = { first: marker.base + 1, last: marker.base, kind: 'outbox' } as const
  return makeChunk(
    { log, lineage, ...range },
    [marker, ...records].map((one) => lineOf(one)),
  )
}

const lineOf = (one: Marker | { readonly body: string }): string => `${'body' in one ? one.body : stringify(one)}\n`

/** undefined if there is no such file. One that is damaged says that there were commands. */
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
  // The browser was killed before it was written.
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

/** Notes which of the commands are in these commits: the file of the outbox may be older than those of the events. */
export function noteArrived(arrived: Set<string>, { base }: Unsent, records: readonly CommitRecord[]): void {
  for (const record of records) if (record.last > base) for (const { id } of commandsOf(record)) arrived.add(id)
}

/**
 * Puts them into an empty outbox, behind `base`. Those that were decided on other events have none until they are decided again: the
 * remote has to be read before.
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

/** Begins a log of which nothing but its outbox was found. */
export async function beginUnsent(database: Database, unsent: Unsent): Promise<void> {
  let begun: LogIdentity | undefined
  await database.transact(['meta', 'outbox', 'commands'], 'readwrite', (store) => {
    const now = store('meta').get('log')
    now.onsuccess = () => {
      const { dataLoss: _, ...log } = now.result!
      begun = log
      if (log.format) return
      begun = { ...log, format: 3, restored: { sequence: 0, at: Date.now() } }
      store('meta').put(begun, 'log')
      putUnsent(store, unsent, 1, 0, '')
    }
  })
  database.log = begun
}
