import { caughtName } from '../caught.ts'
import type { Database } from '../log/database.ts'

/** The `mirror` option of `openEngine`: true for the origin's private file system, false for no mirror, or a folder of the user's. */
export type MirrorPlace = boolean | FileSystemDirectoryHandle

/** Checks a place from a stored record, or from a message of another build; undefined if it is not a place. */
export function toMirrorPlace(value: unknown): MirrorPlace | undefined {
  if (typeof value === 'boolean') return value
  return isFolder(value) ? value : undefined
}

const isFolder = (value: unknown): value is FileSystemDirectoryHandle =>
  // A check by class would fail for a handle from another window, so this checks for a method.
  typeof (value as FileSystemDirectoryHandle | null | undefined)?.isSameEntry === 'function'

/** Only Chromium has these methods. A private folder needs no permission. */
interface Permitting {
  queryPermission?(descriptor: { mode: 'readwrite' }): Promise<PermissionState>
  requestPermission?(descriptor: { mode: 'readwrite' }): Promise<PermissionState>
}

const LONGEST_NAME = 255

/** Says why there can be no mirror here. Any other error means that the place could not be read now. */
export class NoMirror extends Error {}

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
    const folder: FileSystemDirectoryHandle & Permitting = place
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
    // Private windows of Firefox throw this. Any other error may be temporary.
    if (caughtName(error) === 'SecurityError') throw new NoMirror(`the private file system: ${error}`)
    throw error
  }
}

/** The folder of one log; undefined if there is none and `create` is false. */
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
    if (caughtName(error) === 'NotFoundError') return
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

/** Encodes a log's name for a folder. Every file system takes the result, and none takes two of them for the same. */
export const folderName = (name: string): string =>
  `tidemark-${name.replace(/[^a-z\d_-]/g, (one) => `%${one.charCodeAt(0).toString(16).padStart(4, '0')}`)}`

/** The place of a log's mirror: the user's folder that was named last, or the private file system. */
export async function mirrorPlaceOf({ transact }: Database): Promise<MirrorPlace> {
  return toMirrorPlace((await transact(['meta'], 'readonly', (store) => store('meta').get('mirror'))).result) ?? true
}
