import type { Chunk } from '../log/chunk.ts'
import { above, type Database, type LogIdentity, readIdentity } from '../log/database.ts'
import { isShared } from '../log/local.ts'
import type { Outbox } from '../log/outboxOf.ts'
import { readAfter } from '../log/read.ts'
import { queueBody, sealedChunk } from '../log/sealed.ts'
import type { SegmentRecord } from '../log/stores.ts'
import { basesOf, endOf } from './exportChunks.ts'
import { type ChunkPlace, fileOf, listChunks, sweepFiles, TAIL } from './files.ts'
import { createFolder, type MirrorFolder } from './folder.ts'
import { folderOf, NoMirror } from './mirrorPlace.ts'
import { type PartFile, resumeFiles } from './resumeFiles.ts'
import { packUnsent, readOutbox, UNSENT } from './unsent.ts'

/** The most events that one round reads. The bound lets the round end while tabs keep appending. */
const ROUND_EVENTS = 32_768
/** The shares of the origin's quota that may be in use when an existing mirror continues, and when a new mirror begins. */
const FULL = 0.8
const HALF_FULL = 0.4

export interface MirrorCopy {
  /** The last event that is in a file. */
  readonly last: number
  /**
   * Brings the files in line with the log. `'more'`: the log has more events than one round reads. `'replaced'`: the log got another id
   * or lineage, so this copy can't continue.
   */
  round(): Promise<'whole' | 'more' | 'replaced'>
}

/** Writes a separate file beside the files of the events, outside their chain, if its content has changed. The content was read before the events. */
export type WriteSeparateFile = (folder: MirrorFolder, log: LogIdentity) => Promise<void>

/** Writes files beside those of the events, before events are written. `found`: the folder as it was before. */
export type CopySent = (
  folder: MirrorFolder,
  log: LogIdentity,
  found: FileSystemDirectoryHandle | undefined,
) => Promise<void>

/** The part of a mirror's host that its files need. */
export interface CopyHost {
  readonly database: Database
  readonly separateFile?: (() => Promise<WriteSeparateFile | undefined>) | undefined
  readonly copySent?: CopySent | undefined
}

/**
 * The files of one log's mirror. `inOrigin`: they use the same quota as the log. `ended` aborts when another writer takes over.
 * Throws NoMirror if the files belong to another log, and an Error if there is no room.
 */
export async function createCopy(
  host: CopyHost,
  parent: FileSystemDirectoryHandle,
  inOrigin: boolean,
  ended: AbortSignal,
): Promise<MirrorCopy> {
  const { database } = host
  const { name, transact } = database
  const found = await folderOf(parent, name)
  if (inOrigin) await makeSureOfRoom(!!found)
  const files: ReadonlyMap<string, readonly ChunkPlace[]> = found ? await listChunks(found) : new Map()
  const { log, segments } = await readSegments(database, 0)
  if (!log?.format) throw new Error('the log is being restored')
  database.log = log
  if (found) await sweepFiles(found)
  for (const [{ header = log } = {}] of files.values())
    if (header.lineage !== log.lineage)
      throw new NoMirror(`another log has its mirror there: lineage ${header.lineage}`)

  const folder = createFolder(parent, name, found, ended)
  const base = fileOf({ first: 1, last: log.base ?? 0, kind: 'base' })
  // Writes the base before the files of the segments that it replaces are removed.
  if (log.base && files.get(base)?.at(-1)?.header.kind !== 'end') await putBase(database, log, log.base, folder, base)
  const resumed = await resumeFiles(database, log, files, segments, base)
  for (const file of resumed.lost) await folder.drop(file)
  const { tail } = resumed
  /** The end of the newest segment that has its file. */
  let sealed = 0
  let parts: readonly PartFile[] = resumed.parts
  let { isStale } = resumed
  /** Identifies the outbox that its file holds. */
  let unsent = ''
  /** The key of the newest known marker of the outbox. */
  let marker = 0

  const last = (): number => Math.max(sealed, tail.last || (parts.at(-1)?.last ?? 0))

  /** Gives each segment its file, once. */
  async function copySegments(segments: readonly SegmentRecord[]): Promise<void> {
    for (const segment of segments) {
      sealed = segment.last
      if (segment.codec === 'archived' || hasFile(files, segment)) continue
      const body = await transact(['bodies'], 'readonly', (store) => queueBody(store, segment.body))
      await folder.put(fileOf(segment), [await sealedChunk(database, segment, body)])
    }
    if (segments.length) tail.trimTo(sealed)
  }

  /** Adds the next commits to the tail. Returns whether it reached the end of the log. */
  async function copyCommits(): Promise<boolean> {
    const from = last()
    for await (const records of readAfter(database, from, ended)) {
      for (const record of records) await tail.push(record)
      if (tail.last - from >= ROUND_EVENTS) return false
    }
    return true
  }

  async function writeTail(): Promise<void> {
    const away = tail.takeAway()
    if (away.length) {
      const range = { first: away[0]!.header.first, last: away.at(-1)!.header.last, kind: 'part' }
      await folder.put(fileOf(range), away)
      parts = [...parts, { file: fileOf(range), last: range.last }]
    }
    const chunks = await tail.pack()
    if (chunks.length) await folder.put(TAIL, chunks)
    else await folder.drop(TAIL)
    // Drops parts only now: until the segments had their files, these were the only copy.
    for (const { file, last } of parts) if (last <= sealed) await folder.drop(file)
    parts = parts.filter(({ last }) => last > sealed)
    isStale = false
  }

  async function writeOutbox(outbox: Outbox): Promise<void> {
    const { marker, records } = outbox
    const now = `${marker.generation} ${records.at(-1)?.n ?? marker.n}`
    if (now === unsent) return
    await folder.put(UNSENT, [await packUnsent(log!, outbox)])
    unsent = now
  }

  return {
    get last() {
      return last()
    },
    async round() {
      // Reads the open events first: a command that settles an open event meanwhile is then in a file of events, which is written below.
      const writeSeparateFile = await host.separateFile?.()
      // Reads the outbox before the commits: a command that moves from one to the other meanwhile is then in both files, not in neither.
      const outbox = isShared(log) ? await readOutbox(database, marker) : undefined
      marker = outbox?.marker.n ?? 0
      // Without this file, a restored log would never react to the events in the first files.
      if (!files.size && !last()) await writeSeparateFile?.(folder, log)
      const now = await readSegments(database, sealed)
      if (now.log?.id !== log.id) return 'replaced'
      // Twice, because commits may have come since the segments were read.
      await host.copySent?.(folder, log, found)
      await copySegments(now.segments)
      const from = last()
      const whole = await copyCommits()
      // An empty log takes over the lineage of its remote together with its first commits.
      if (outbox && (await readIdentity(database))?.lineage !== log.lineage) return 'replaced'
      await host.copySent?.(folder, log, found)
      if (now.segments.length || last() > from || isStale) await writeTail()
      if (outbox) await writeOutbox(outbox)
      if (!whole) return 'more'
      await writeSeparateFile?.(folder, log)
      return 'whole'
    },
  }
}

async function readSegments(
  { transact }: Database,
  after: number,
): Promise<{ log: LogIdentity | undefined; segments: readonly SegmentRecord[] }> {
  const { log, segments } = await transact(['meta', 'segments'], 'readonly', (store) => ({
    log: store('meta').get('log'),
    segments: store('segments').getAll(above(after)),
  }))
  return { log: log.result, segments: segments.result }
}

async function putBase(
  database: Database,
  log: LogIdentity,
  base: number,
  folder: MirrorFolder,
  file: string,
): Promise<void> {
  const chunks: Chunk[] = []
  for await (const chunk of basesOf(database, log, base)) chunks.push(chunk)
  await folder.put(file, [...chunks, await endOf(chunks[0]!.header, base + 1)])
}

/** Whether the segment had its file when the copy began: whole, and with nothing else in it. */
function hasFile(files: ReadonlyMap<string, readonly ChunkPlace[]>, segment: SegmentRecord): boolean {
  const [place, ...others] = files.get(fileOf(segment)) ?? []
  return !!place && !others.length && place.header.checksum === segment.checksum && place.to === place.file.size
}

/** Throws if the origin's storage is nearly full: the log needs the room more than its mirror does. */
async function makeSureOfRoom(exists: boolean): Promise<void> {
  const { usage = 0, quota = Infinity } = (await navigator.storage.estimate?.()) ?? {}
  if (usage > quota * (exists ? FULL : HALF_FULL)) throw new Error('the storage is nearly full')
}
