import { sleep } from '../async.ts'
import { caughtName } from '../caught.ts'
import type { Database } from '../log/database.ts'
import { listChunks } from './files.ts'
import { atOnce, whenFree } from './mirrorLock.ts'
import { folderName, folderOf, type MirrorPlace, NoMirror, openPlace } from './mirrorPlace.ts'

/** Attempts to remove a folder in which files are being written: some two seconds. */
const REMOVE_TRIES = 20
/** Milliseconds before the second attempt; each further one waits longer by as much. */
const REMOVE_RETRY_MS = 10
/** Times that a removal begins again because somebody took its lock. */
const REMOVE_TURNS = 5

/**
 * Removes the private files of a log, and says whether there were any. A mirror of another lineage may be the only
 * copy of that log. `taken`: of the lock that the caller holds; without it, the writer of the files has to stop.
 */
export async function removePrivate({ name, log }: Database, taken?: AbortSignal): Promise<boolean> {
  const parent = await openPlace(true)
  const isThere = async (): Promise<boolean> => {
    const folder = await folderOf(parent, name)
    const headers = folder ? [...(await listChunks(folder)).values()].flat().map(({ header }) => header) : []
    return !!folder && headers.every(({ lineage }) => lineage === log?.lineage)
  }
  const remove = async (taken: AbortSignal): Promise<boolean> => {
    // Another log may have begun before the lock was there.
    const found = await isThere()
    if (found) await removeFolder(parent, name, taken)
    return found
  }
  if (taken) return remove(taken)
  return (await isThere()) && atOnce(name, remove)
}

/**
 * Removes a log's mirror, before and after `removeLog`: its writer may end with a file. A caller that takes the lock meanwhile
 * removes the log, too, or restores it, or ends halfway; so this one waits, and begins again unless `isReplaced`: a new log
 * has begun, and what is there is that one's. Throws what keeps the private files from being looked at: they would bring the
 * log back. A user's folder is left as it is if it may not be written.
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

  async function removeAll(taken: AbortSignal): Promise<void> {
    if (await isReplaced()) return
    await removeFolders(taken)
    taken.throwIfAborted()
    await removeLog()
    await removeFolders(taken)
  }

  async function removeFolders(taken: AbortSignal): Promise<void> {
    for (const one of new Set([true, place])) {
      const parent = await openPlace(one, 'ask').catch((error) => {
        if (one === true && !(error instanceof NoMirror)) throw error
      })
      if (parent) await removeFolder(parent, name, taken)
    }
  }
}

async function removeFolder(parent: FileSystemDirectoryHandle, name: string, taken: AbortSignal): Promise<void> {
  for (let tries = 1; await folderOf(parent, name); tries++) {
    taken.throwIfAborted()
    try {
      return await parent.removeEntry(folderName(name), { recursive: true })
    } catch (error) {
      const name = caughtName(error)
      if (name === 'NotFoundError') return
      // A file that is just being written can't be removed.
      if (name !== 'NoModificationAllowedError' || tries > REMOVE_TRIES) throw error
      await sleep(REMOVE_RETRY_MS * tries)
    }
  }
}
