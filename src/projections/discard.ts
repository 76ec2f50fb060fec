import { removePrivate } from '../copies/removeMirror.ts'
import type { StorageError } from '../errors.ts'
import type { Database, StoreOf } from '../log/database.ts'
import { dropDrafts } from '../log/dropDrafts.ts'
import { pastOf } from './past.ts'
import { type BuildKey, pagesOf } from './snapshot.ts'
import type { Track } from './track.ts'

/** Removes the pages of one build together with their checkpoint. */
export function deletePages(store: StoreOf, identity: string, build: string): void {
  store('pages').delete(pagesOf(identity, build))
  store('rowEvents').delete(pagesOf(identity, build))
  store('checkpoints').delete([identity, build])
}

/** Removes builds that can't be used as a snapshot. */
export const discardPages = ({ transact }: Database, discarded: readonly BuildKey[]): Promise<void> =>
  transact(['pages', 'rowEvents', 'checkpoints'], 'readwrite', (store) => {
    for (const { identity, build } of discarded) deletePages(store, identity, build)
  })

/** Removes the rows of one projection that tabs read, in whichever build they are. */
export const discardLive = ({ transact }: Database, identity: string): Promise<void> =>
  transact(['meta', 'pages', 'rowEvents', 'checkpoints'], 'readwrite', (store) => {
    const builds = store('meta').get('builds')
    builds.onsuccess = () => deletePages(store, identity, builds.result?.[identity] ?? '')
  })

/** Removes the rows of the past of every build. Returns whether there were any. */
async function dropPast({ transact }: Database): Promise<boolean> {
  let first: readonly IDBRequest[] = []
  await transact(['checkpoints', 'rowEvents'], 'readwrite', (store) => {
    const builds = store('checkpoints').getAllKeys()
    builds.onsuccess = () => {
      first = builds.result.map((build) => {
        // The key of a checkpoint.
        const past = pastOf(...(build as [string, string]))
        const key = store('rowEvents').getKey(past)
        store('rowEvents').delete(past)
        return key
      })
    }
  })
  return first.some(({ result }) => result)
}

/**
 * Removes all pages to make room for the log (rule 19). A mark keeps every pipeline from writing them again at once.
 */
export async function dropPages({ transact }: Database, head: number): Promise<void> {
  await transact(['pages', 'rowEvents', 'checkpoints', 'meta'], 'readwrite', (store) => {
    store('pages').clear()
    store('rowEvents').clear()
    store('checkpoints').clear()
    store('meta').put({ head }, 'hold')
  })
}

/**
 * Frees space (rule 19). Removes the rows of the past. If there are none, removes the private mirror; then stored
 * drafts; then the pages; never the log. Begins after the first `from` kinds. Returns how many kinds are gone; Infinity
 * if the pages are gone.
 */
export async function freeSpace(database: Database, head: number, from: number = 0): Promise<number> {
  const steps = [() => dropPast(database), () => removePrivate(database), () => dropDrafts(database)]
  let gone = from
  while (gone < steps.length) if (await steps[gone++]!().catch(() => false)) return gone
  await dropPages(database, head)
  return Infinity
}

/** Frees space after pages could not be written for lack of it. */
export async function giveWay(database: Database, { kind }: StorageError, tracks: readonly Track[]): Promise<void> {
  if (kind === 'quota') await freeSpace(database, Math.max(...tracks.map(({ fold }) => fold.sequence)))
}
