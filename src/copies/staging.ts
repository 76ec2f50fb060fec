import { ImportError, StorageError } from '../errors.ts'
import { randomId } from '../ids.ts'
import type { ChunkHeader } from '../log/chunk.ts'
import { above, type Database, type LogIdentity, type StoreName, type StoreOf } from '../log/database.ts'
import { isMarker, type LocalRecord, type Marker } from '../log/local.ts'
import type { Sidecar, StagedChunk, Staging, TypedCursor } from '../log/stores.ts'

export const NOT_EMPTY = 'the log is not empty: import into a new one'

/** The staged chunks of one import, in the order of the file. */
export interface Stage {
  readonly owner: string
  /** The empty log that the import replaces. */
  readonly before: LogIdentity
  readonly chunks: readonly StagedChunk[]
  /** The sidecar of the chunk at `n`, if an earlier attempt has staged exactly this chunk; otherwise undefined. */
  find(n: number, header: ChunkHeader, line: number): Promise<Sidecar | undefined>
  /** Stages a verified chunk at `n`, and drops what an earlier attempt staged from `n` on. */
  put(n: number, bytes: Uint8Array<ArrayBuffer>, made: Omit<StagedChunk, 'body'>, sidecar: Sidecar): Promise<void>
  /** Drops what an earlier attempt staged after the file's end. */
  cut(length: number): Promise<void>
  /** Drops all staged chunks, after the file was refused. */
  clear(): Promise<void>
}

/** Begins an import, or takes over the chunks that an interrupted import has staged. Throws ImportError if the log is not empty. */
export async function openStage(database: Database): Promise<Stage> {
  const { transact } = database
  const owner = randomId()
  const beginning = await beginStaging(database, owner)
  let chunks = [...beginning.chunks]

  /** Changes the staging. Throws if another import has taken it over. */
  async function write(body: (store: StoreOf, staging: Staging) => void): Promise<void> {
    let own = false
    await transact(['meta', 'bodies'], 'readwrite', (store) => {
      const staged = store('meta').get('staged')
      staged.onsuccess = () => {
        own = staged.result?.owner === owner
        if (own && staged.result) body(store, staged.result)
      }
    })
    if (!own) throw takenOver()
  }

  return {
    owner,
    before: beginning.log,
    get chunks() {
      return chunks
    },
    async find(n, header, line) {
      const staged = chunks[n]
      if (!staged || !isSameChunk(staged, header)) return
      const found = await transact(['bodies'], 'readonly', (store) => store('bodies').get(`${staged.body}+`))
      if (!found.result) throw new ImportError(line, 'what was staged of this file is gone: import it again')
      return found.result
    },
    async put(n, bytes, made, sidecar) {
      const one: StagedChunk = { ...made, body: randomId() }
      const superseded = chunks.slice(n)
      const next = [...chunks.slice(0, n), one]
      await write((store) => {
        dropChunks(store, superseded)
        store('bodies').put(bytes, one.body)
        store('bodies').put(sidecar, `${one.body}+`)
        store('meta').put({ owner, chunks: next }, 'staged')
      })
      chunks = next
    },
    async cut(length) {
      const superseded = chunks.slice(length)
      if (superseded.length) await write((store) => dropChunks(store, superseded))
      chunks = chunks.slice(0, length)
    },
    clear: () =>
      write((store, staging) => {
        dropChunks(store, staging.chunks)
        store('meta').delete('staged')
      }),
  }
}

const isSameChunk = (one: StagedChunk, { first, last, checksum, bytes }: ChunkHeader): boolean =>
  one.first === first && one.last === last && one.checksum === checksum && one.bytes === bytes

function dropChunks(store: StoreOf, chunks: readonly StagedChunk[]): void {
  for (const { body } of chunks) {
    store('bodies').delete(body)
    store('bodies').delete(`${body}+`)
  }
}

type StagingRequests = readonly (
  | IDBRequest<IDBValidKey | undefined>
  | IDBRequest<TypedCursor<LocalRecord | Marker> | null>
)[]

/** The stores that `askEmpty` reads. */
export const storesOfLog = (database: Database): readonly StoreName[] =>
  database.hasNewer ? ['segments', 'commits', 'outbox'] : ['segments', 'commits']

/** Queues the requests from which `isEmpty` finds out whether the log and its outbox are empty. */
export const askEmpty = (store: StoreOf, database: Database): StagingRequests => [
  store('segments').getKey(above(0)),
  store('commits').getKey(above(0)),
  ...(database.hasNewer ? [store('outbox').openCursor(null, 'prev')] : []),
]
/** Whether the answers are those of an empty log. Call it once all have come. In an empty outbox, the marker comes last: records below it do not count. */
export const isEmpty = (requests: StagingRequests): boolean =>
  // A key has no value.
  requests.every(({ result }) => !result || isMarker((result as { readonly value?: unknown }).value))

export const notEmpty = (): ImportError => new ImportError(1, NOT_EMPTY)
export const takenOver = (): StorageError => new StorageError('aborted', 'another import of this log took over')

async function beginStaging(
  database: Database,
  owner: string,
): Promise<{ log: LogIdentity; chunks: readonly StagedChunk[] }> {
  const stores: StoreName[] = ['meta', 'bodies', ...storesOfLog(database)]
  const { log, requests, staged } = await database.transact(stores, 'readwrite', (store) => {
    const log = store('meta').get('log')
    const requests = askEmpty(store, database)
    const staged = store('meta').get('staged')
    staged.onsuccess = () => {
      const chunks = staged.result?.chunks ?? []
      if (isEmpty(requests)) store('meta').put({ owner, chunks }, 'staged')
      else if (staged.result) {
        dropChunks(store, chunks)
        store('meta').delete('staged')
      }
    }
    return { log, requests, staged }
  })
  if (!isEmpty(requests)) throw notEmpty()
  return { log: log.result!, chunks: staged.result?.chunks ?? [] }
}
