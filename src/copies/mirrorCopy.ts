import { CorruptLog } from '../errors.ts'
import { type Chunk, openChunk, packChunk, recordsOf } from '../log/chunk.ts'
import type { CommitRecord } from '../log/commit.ts'
import { above, type Database } from '../log/database.ts'
import { readAfter } from '../log/read.ts'
import { recordsAt } from '../log/recordsAt.ts'
import { queueBody, sealedChunk } from '../log/sealed.ts'
import type { SegmentRecord } from '../log/stores.ts'
import { basesOf, endOf } from './exportChunks.ts'
import { bytesOf, fileOf, folderOf, list, NoMirror, type Place, remove, sweep, TAIL, write } from './files.ts'

/** Events and characters after which a chunk of the tail is packed for good. */
const CHUNK_EVENTS = 2048
const CHUNK_CHARACTERS = 524_288
/** Events of the tail's finished chunks after which they are put away as a file: sealing is far behind. */
const TAIL_EVENTS = 16_384
/** And their bytes: the tail is written again in each round. */
const TAIL_BYTES = 1_048_576
/** Events that one round reads, so that it ends. */
const ROUND = 32_768

/** The log became another one under this pipeline, by an import or an archive. */
export const adopted: unique symbol = Symbol()

export interface MirrorCopy {
  /** The last event that is in a file. */
  readonly last: number
  /** Brings the files in line with the log; false where there is more than one round takes. */
  round(): Promise<boolean>
}

/**
 * The files of one log's mirror as they stand. `inOrigin`: they take of the room that the log needs. `gone`: somebody else
 * writes now. Throws NoMirror where another log's stand there, an Error where there is no room.
 */
export async function createCopy(
  { database }: { readonly database: Database },
  parent: FileSystemDirectoryHandle,
  inOrigin: boolean,
  gone: AbortSignal,
): Promise<MirrorCopy> {
  const { name, transact } = database
  let folder = await folderOf(parent, name)
  if (inOrigin) await makeSureOfRoom(!!folder)
  const files = folder ? await list(folder) : new Map<string, readonly Place[]>()
  /** The end of the newest segment that has its file. */
  let sealed = 0
  /** Files that are no segments: parts of a long tail. */
  let parts: { readonly file: string; readonly last: number }[] = []
  /** The tail: chunks that are done, and commits of one that is not. */
  let done: Chunk[] = []
  let open: CommitRecord[] = []
  let stale = false

  const [log, segments] = await transact(
    ['meta', 'segments'],
    'readonly',
    (store) => [store('meta').get('log'), store('segments').getAll()] as const,
  )
  const identity = log.result!
  const { lineage } = identity
  if (!identity.format) throw new Error('the log is being restored')
  database.log = identity
  if (folder) await sweep(folder)
  for (const [{ header }] of [...files.values()].filter((all): all is [Place] => all.length > 0))
    if (header.lineage !== lineage) throw new NoMirror(`another log has its mirror there: lineage ${header.lineage}`)
  const bases = fileOf({ first: 1, last: identity.base ?? 0, kind: 'base' })
  if (identity.base && files.get(bases)?.at(-1)?.header.kind !== 'end') {
    // Before the segments go that it stands for.
    const chunks: Chunk[] = []
    for await (const chunk of basesOf(database, identity, identity.base)) chunks.push(chunk)
    await put(bases, [...chunks, await endOf((chunks[0] as Chunk).header, identity.base + 1)])
  }
  await take(segments.result)

  async function put(file: string, chunks: readonly Pick<Chunk, 'bytes'>[]): Promise<void> {
    gone.throwIfAborted()
    folder ??= await folderOf(parent, name, true)
    gone.throwIfAborted()
    if (folder) await write(folder, file, chunks, () => gone.throwIfAborted())
  }

  async function drop(file: string): Promise<void> {
    gone.throwIfAborted()
    if (folder) await remove(folder, file)
  }

  /** Takes up the tail that stands there, if it is this log's. Where it is not, nothing but segments stays. */
  async function take(segments: readonly SegmentRecord[]): Promise<void> {
    const newest = segments.at(-1)?.last ?? 0
    const wanted = new Set([...segments.filter(({ codec }) => codec === 'gzip').map(fileOf), bases])
    const tail = files.get(TAIL) ?? []
    const chunks = await Promise.all(tail.map(async (place) => openChunk(await bytesOf(place))))
    const whole = chunks.every((chunk) => chunk !== undefined)
    const final = chunks.at(-1)
    const records = whole && final ? await recordsOf(final).catch(() => []) : []
    const end = records.at(-1)
    const others = [...files].filter(([file]) => file !== TAIL && !wanted.has(file))
    const reach = others.flatMap(([, places]) => places).filter(({ header }) => header.last > newest)
    let at = newest
    for (const { header } of [...reach].sort((a, b) => a.header.first - b.header.first))
      if (header.first <= at + 1) at = Math.max(at, header.last)
    const first = chunks[0]?.header.first ?? 0
    if (whole && end && first <= at + 1 && (await isInLog(end))) {
      parts = others.map(([file, places]) => ({ file, last: places.at(-1)?.header.last ?? 0 }))
      // Sealed meanwhile: it stands until the segments do.
      stale = end.last <= newest
      if (stale) return
      open = [...records]
      done = chunks.slice(0, -1) as Chunk[]
      return
    }
    // Of a future that this database has lost: it must be gone before others get the numbers.
    for (const file of [TAIL, ...others.map(([file]) => file)]) if (files.has(file)) await drop(file)
    stale = newest > 0 || files.size > 0
  }

  async function isInLog({ id, last }: CommitRecord): Promise<boolean> {
    const found = recordsAt(database, [last]).next()
    return found.then(
      ({ value }) => value?.id === id,
      (error) => {
        // Of a database that can't be read nothing is known: the files may be all that there is.
        if (error instanceof CorruptLog) return false
        throw error
      },
    )
  }

  const last = (): number => open.at(-1)?.last ?? done.at(-1)?.header.last ?? parts.at(-1)?.last ?? sealed

  /** Each segment once. */
  async function copySegments(): Promise<boolean> {
    const [log, found] = await transact(
      ['meta', 'segments'],
      'readonly',
      (store) => [store('meta').get('log'), store('segments').getAll(above(sealed))] as const,
    )
    if (log.result?.id !== identity.id) throw adopted
    for (const segment of found.result) {
      sealed = segment.last
      if (segment.codec === 'archived') continue
      const file = fileOf(segment)
      const stands = files.get(file)
      const [stood] = stands ?? []
      if (stands?.length !== 1 || stood?.header.checksum !== segment.checksum || stood.to !== stood.file.size) {
        const body = await transact(['bodies'], 'readonly', (store) => queueBody(store, segment.body))
        await put(file, [await sealedChunk(database, segment, body)])
      }
    }
    return found.result.length > 0
  }

  /** Reads on; says whether it came to the end. */
  async function copyCommits(): Promise<{ whole: boolean; grown: boolean }> {
    const from = Math.max(last(), sealed)
    let at = from
    let characters = open.reduce((sum, { body }) => sum + body.length, 0)
    for await (const records of readAfter(database, from, gone)) {
      for (const record of records) {
        open.push(record)
        characters += record.body.length
        at = record.last
        const { first } = open[0] as CommitRecord
        if (at - first + 1 < CHUNK_EVENTS && characters < CHUNK_CHARACTERS) continue
        done.push(await packChunk(identity, open))
        open = []
        characters = 0
      }
      if (at - from >= ROUND) return { whole: false, grown: true }
    }
    return { whole: true, grown: at > from }
  }

  return {
    get last() {
      return Math.max(last(), sealed)
    },
    async round(): Promise<boolean> {
      const more = await copySegments()
      if (more) {
        done = done.filter(({ header }) => header.last > sealed)
        open = open.filter((record) => record.last > sealed)
      }
      const { whole, grown } = await copyCommits()
      if (!more && !grown && !stale) return whole
      // The tail keeps something: by its last commit the next pipeline knows whether all of this is its log's.
      const away = open.length ? done : done.slice(0, -1)
      const range = { first: away[0]?.header.first ?? 0, last: away.at(-1)?.header.last ?? 0, kind: 'part' }
      if (range.last - range.first >= TAIL_EVENTS || sizeOf(away) >= TAIL_BYTES) {
        const file = fileOf(range)
        await put(file, away)
        parts.push({ file, last: range.last })
        done = done.slice(away.length)
      }
      const chunks = open.length ? [...done, await packChunk(identity, open)] : done
      if (chunks.length) await put(TAIL, chunks)
      else await drop(TAIL)
      // Only now: until the newer files stood these were the only copy.
      for (const { file, last } of parts) if (last <= sealed) await drop(file)
      parts = parts.filter(({ last }) => last > sealed)
      stale = false
      return whole
    },
  }
}

const sizeOf = (chunks: readonly Chunk[]): number => chunks.reduce((sum, { bytes }) => sum + bytes.length, 0)

/** The log has the first claim on what the origin may store: a new mirror takes no more than what would be left twice. */
async function makeSureOfRoom(standing: boolean): Promise<void> {
  const { usage = 0, quota = Infinity } = (await navigator.storage.estimate?.()) ?? {}
  if (usage > quota * (standing ? 0.8 : 0.4)) throw new Error('the storage is nearly full')
}
