import type { Chunk, ChunkHeader } from '../log/chunk.ts'
import { headerOf } from '../log/chunk.ts'
import type { Database } from '../log/database.ts'

/** What `openEngine` takes: the origin's private file system, nothing, or a folder of the user's. */
export type MirrorPlace = boolean | FileSystemDirectoryHandle

/** Permissions are Chromium's own; a private folder needs none. */
interface Permitting {
  queryPermission?(descriptor: { mode: 'readwrite' }): Promise<PermissionState>
  requestPermission?(descriptor: { mode: 'readwrite' }): Promise<PermissionState>
}

export const TAIL = 'tail.tidemark'
const FILE = /\.tidemark$/
/** Bytes in which a header line that we wrote ends. */
const LONGEST_HEADER = 4096
const LONGEST_NAME = 255

/** There can be no mirror here, and why. Any other error means that it could not be looked for. */
export class NoMirror extends Error {}

/** A chunk in one of a mirror's files. Nothing is verified yet. */
export interface Place {
  readonly file: File
  readonly header: ChunkHeader
  /** Where the chunk begins, and the byte behind it. */
  readonly from: number
  readonly to: number
}

/** What a range of a log is called as a file. They sort in the order of the log. A part of a long tail may have the range of a segment. */
export const fileOf = ({ first, last, kind }: Pick<ChunkHeader, 'first' | 'last'> & { kind?: string }): string => {
  const digits = (n: number): string => `${n}`.padStart(12, '0')
  return kind ? `${digits(last)}.${kind}.tidemark` : `${digits(first)}-${digits(last)}.tidemark`
}

/** Throws NoMirror if this browser lacks what every mirror needs. */
export function checkBrowser(): void {
  if (!globalThis.navigator?.locks) throw new NoMirror('no Web Locks')
  const { FileSystemFileHandle } = globalThis
  if (FileSystemFileHandle && !('createWritable' in FileSystemFileHandle.prototype))
    throw new NoMirror('no createWritable')
}

/** The folder that mirrors are in. Throws NoMirror with the reason if there can't be one, or if it may not be used. */
export async function openPlace(
  place: MirrorPlace,
  mode: 'ask' | 'query' = 'query',
): Promise<FileSystemDirectoryHandle> {
  if (!place) throw new NoMirror('mirror: false')
  checkBrowser()
  if (place !== true) {
    const folder = place as FileSystemDirectoryHandle & Permitting
    const state = await (mode === 'ask' ? folder.requestPermission : folder.queryPermission)?.call(folder, {
      mode: 'readwrite',
    })
    if (state && state !== 'granted') throw new NoMirror(`permission: ${state}`)
    return folder
  }
  const { storage } = navigator
  if (!storage?.getDirectory) throw new NoMirror('no private file system')
  try {
    return await storage.getDirectory()
  } catch (error) {
    // Firefox's private windows. Anything else may pass.
    if ((error as Error).name === 'SecurityError') throw new NoMirror(`the private file system: ${error}`)
    throw error
  }
}

/** The folder of one log; undefined where there is none and none is to be made. */
export async function folderOf(
  place: FileSystemDirectoryHandle,
  name: string,
  create: boolean = false,
): Promise<FileSystemDirectoryHandle | undefined> {
  const folder = folderName(name)
  if (folder.length > LONGEST_NAME && create) throw new NoMirror('the name is too long for a folder')
  if (folder.length > LONGEST_NAME) return
  try {
    return await place.getDirectoryHandle(folder, { create })
  } catch (error) {
    if ((error as Error).name === 'NotFoundError') return
    throw error
  }
}

/** The folder that mirrors are in, if this log has one there. Throws if that can't be found out now. */
export async function placeOfMirror(place: MirrorPlace, name: string): Promise<FileSystemDirectoryHandle | undefined> {
  try {
    const parent = await openPlace(place)
    return (await folderOf(parent, name)) && parent
  } catch (error) {
    if (!(error instanceof NoMirror)) throw error
    return
  }
}

/** Any name as one that every file system takes, and of which none takes two for the same. */
export const folderName = (name: string): string =>
  `tidemark-${name.replace(/[^a-z\d_-]/g, (one) => `%${one.charCodeAt(0).toString(16).padStart(4, '0')}`)}`

/**
 * Every chunk of a mirror as its headers say. A file that ends in the middle of one is listed with that, one that holds something
 * else up to there. Empty ones are left out: the browser was killed before they were written.
 */
export async function list(folder: FileSystemDirectoryHandle): Promise<Map<string, readonly Place[]>> {
  const files = new Map<string, readonly Place[]>()
  for await (const entry of folder.values()) {
    if (entry.kind !== 'file' || !FILE.test(entry.name)) continue
    const places: Place[] = []
    const file = await (entry as FileSystemFileHandle).getFile()
    if (file.size) files.set(entry.name, places)
    for (let from = 0; from < file.size; from = places.at(-1)?.to ?? file.size) {
      const start = new Uint8Array(await file.slice(from, from + LONGEST_HEADER).arrayBuffer())
      const end = start.indexOf(10)
      const header = headerOf(new TextDecoder('utf-8', { ignoreBOM: true }).decode(start.subarray(0, Math.max(0, end))))
      const to = from + end + 1 + (header?.bytes ?? 0)
      if (!header) break
      places.push({ file, header, from, to })
    }
  }
  return files
}

export const bytesOf = async ({ file, from, to }: Place): Promise<Uint8Array<ArrayBuffer>> =>
  new Uint8Array(await file.slice(from, to).arrayBuffer())

/** Writes a file whole: it has its old content, or none, until the new one is complete, and where `check` throws before that. */
export async function write(
  folder: FileSystemDirectoryHandle,
  name: string,
  chunks: readonly Pick<Chunk, 'bytes'>[],
  check: () => void,
): Promise<void> {
  const file = await folder.getFileHandle(name, { create: true })
  const stream = await file.createWritable()
  try {
    await stream.write(new Blob(chunks.map(({ bytes }) => bytes)))
    check()
    await stream.close()
  } catch (error) {
    await stream.abort().catch(() => {})
    throw error
  }
}

export async function remove(folder: FileSystemDirectoryHandle, name: string): Promise<void> {
  try {
    await folder.removeEntry(name)
  } catch (error) {
    if ((error as Error).name !== 'NotFoundError') throw error
  }
}

/** Removes what a browser that was killed left of files that it was writing. Only for who has the lock. */
export async function sweep(folder: FileSystemDirectoryHandle): Promise<void> {
  for await (const name of folder.keys()) if (name.endsWith('.crswap')) await remove(folder, name).catch(() => {})
}

/** Where the mirror of a log is: in a folder of the user's that was given once, or in the private files. */
export async function placeOf({ transact }: Database): Promise<MirrorPlace> {
  return (await transact(['meta'], 'readonly', (store) => store('meta').get('mirror'))).result ?? true
}
