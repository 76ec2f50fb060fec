import { sleep } from '../async.ts'
import { caughtName } from '../caught.ts'
import type { Database } from '../log/database.ts'
import { listChunks } from './files.ts'
import { atOnce, whenFree } from './mirrorLock.ts'
import { folderName, folderOf, type MirrorPlace, NoMirror, openPlace } from './mirrorPlace.ts'

/** The most retries to remove a folder in which files are being written: two seconds in all. */
const REMOVE_TRIES = 20
/** Milliseconds before the first retry. Each further retry waits this much longer. */
const REMOVE_RETRY_MS = 10
/** The most attempts at a removal whose lock another caller steals. */
const REMOVE_TURNS = 5

/**
 * Removes the private files of a log, and returns whether there were any. Leaves files of another lineage alone: they may be the only
 * copy of another log. `stolen`: the signal of the mirror's lock, if the caller holds it. Otherwise this steals the lock from the writer.
 */
export async function removePrivate({ name, log }: Database, stolen?: AbortSignal): Promise<boolean> {
  const parent = await openPlace(true)
  const isThere = async (): Promise<boolean> => {
    const folder = await folderOf(parent, name)
    const headers = folder ? [...(await listChunks(folder)).values()].flat().map(({ header }) => header) : []
    return !!folder && headers.every(({ lineage }) => lineage === log?.lineage)
  }
  const remove = async (stolen: AbortSignal): Promise<boolean> => {
    // Looks again under the lock: another log may have begun meanwhile.
    const found = await isThere()
    if (found) await removeFolder(parent, name, stolen)
    return found
  }
  if (stolen) return remove(stolen)
  return (await isThere()) && atOnce(name, remove)
}

/**
 * Removes a log's mirror before `removeLog`, and again after it, because the writer of the mirror may complete one more file. Another
 * caller that steals the lock may remove the log, too, restore it, or end halfway. So this call waits for the lock and begins again,
 * unless `isReplaced`: then a new log has begun, and the files belong to it. Throws if the private files can't be looked at, because
 * they would restore the log. Leaves a user's folder as it is if it can't be written.
 */
export async function removeMirror(
  name: string,
  place: MirrorPlace,
  removeLog: () => Promise<void>,
  isReplaced: () => Promise<boolean>,
): Promise<void> {
  if (!globalThis.navigator?.locks) return removeLog()
  for (let turn = 1; !(await isReplaced()); turn++) {
    try {
      return await (turn === 1 ? atOnce : whenFree)(name, removeAll)
    } catch (error) {
      if (caughtName(error) !== 'AbortError' || turn === REMOVE_TURNS) throw error
    }
  }

  async function removeAll(stolen: AbortSignal): Promise<void> {
    if (await isReplaced()) return
    await removeFolders(stolen)
    stolen.throwIfAborted()
    await removeLog()
    await removeFolders(stolen)
  }

  async function removeFolders(stolen: AbortSignal): Promise<void> {
    for (const one of new Set([true, place])) {
      const parent = await openPlace(one, 'ask').catch((error) => {
        if (one === true && !(error instanceof NoMirror)) throw error
      })
      if (parent) await removeFolder(parent, name, stolen)
    }
  }
}

async function removeFolder(parent: FileSystemDirectoryHandle, name: string, stolen: AbortSignal): Promise<void> {
  for (let tries = 1; await folderOf(parent, name); tries++) {
    stolen.throwIfAborted()
    try {
      return await parent.removeEntry(folderName(name), { recursive: true })
    } catch (error) {
      const name = caughtName(error)
      if (name === 'NotFoundError') return
      // The browser does not remove a file that is being written.
      if (name !== 'NoModificationAllowedError' || tries > REMOVE_TRIES) throw error
      await sleep(REMOVE_RETRY_MS * tries)
    }
  }
}
