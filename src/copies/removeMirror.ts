import { sleep } from '../async.ts'
import { lockName } from '../locks.ts'
import type { Database } from '../log/database.ts'
import { list } from './files.ts'
import { folderName, folderOf, type MirrorPlace, NoMirror, openPlace } from './mirrorPlace.ts'

/** Attempts to remove a folder in which files are being written: some two seconds. */
const REMOVE_TRIES = 20
/** Milliseconds before the second attempt; each further one waits longer by as much. */
const REMOVE_RETRY_MS = 10

/**
 * Removes the private files of a log, and says whether there were any. What stands there of another lineage may be the only
 * copy of that log. `steal`: whoever writes them has to stop.
 */
export async function removePrivate({ name, log }: Database, steal: boolean = false): Promise<boolean> {
  const parent = await openPlace(true)
  const folder = await folderOf(parent, name)
  const headers = folder ? [...(await list(folder)).values()].flat().map(({ header }) => header) : []
  if (!folder || headers.some(({ lineage }) => lineage !== log?.lineage)) return false
  const taken = new AbortController()
  const remove = (): Promise<void> => removeFolder(parent, name, taken.signal)
  const alone = (): Promise<void> =>
    navigator.locks.request(lockName('mirror', name), { steal }, remove).catch((error) => {
      // Whoever has the lock now may be writing what must stay.
      taken.abort(error)
      throw error
    })
  await (steal ? alone() : remove())
  return true
}

/**
 * Removes a log's mirror, before and after `meanwhile`: its writer may end with a file. Throws what keeps the private files
 * from being looked at: they would bring the log back. A user's folder is left as it is if it may not be written.
 */
export async function removeMirror(name: string, place: MirrorPlace, meanwhile: () => Promise<void>): Promise<void> {
  const remove = async (): Promise<void> => {
    for (const one of new Set([true, place])) {
      const parent = await openPlace(one, 'ask').catch((error) => {
        if (one === true && !(error instanceof NoMirror)) throw error
      })
      if (parent) await removeFolder(parent, name)
    }
  }
  const all = async (): Promise<void> => {
    await remove()
    await meanwhile()
    await remove()
  }
  const { locks } = globalThis.navigator ?? {}
  if (!locks) return meanwhile()
  let done: Promise<void> | undefined
  await locks
    .request(lockName('mirror', name), { steal: true }, () => (done = all()))
    // By another tab that removes it, too: this one ends what it began.
    .catch((error) => done ?? Promise.reject(error))
}

async function removeFolder(parent: FileSystemDirectoryHandle, name: string, taken?: AbortSignal): Promise<void> {
  for (let tries = 1; await folderOf(parent, name); tries++) {
    taken?.throwIfAborted()
    try {
      return await parent.removeEntry(folderName(name), { recursive: true })
    } catch (error) {
      const { name } = error as Error
      if (name === 'NotFoundError') return
      // A file that is just being written can't be removed.
      if (name !== 'NoModificationAllowedError' || tries > REMOVE_TRIES) throw error
      await sleep(REMOVE_RETRY_MS * tries)
    }
  }
}
