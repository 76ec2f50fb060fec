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

/** Removes the rows of the past that tracks have stored. Returns whether there were any. */
async function dropPast({ transact }: Database, tracks: readonly Track[]): Promise<boolean> {
  const found = await transact(['rowEvents'], 'readwrite', (store) =>
    tracks.map(({ fold, build }) => {
      const past = pastOf(fold.identity, build)
      const key = store('rowEvents').getKey(past)
      store('rowEvents').delete(past)
      return key
    }),
  )
  return found.some(({ result }) => result)
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
 * Frees space after pages could not be written for lack of it. Removes the rows of the past; if there are none, the
 * private mirror; then stored drafts; then the pages.
 */
export async function giveWay(database: Database, { kind }: StorageError, tracks: readonly Track[]): Promise<void> {
  if (kind !== 'quota') return
  if (await dropPast(database, tracks).catch(() => false)) return
  const removed = await removePrivate(database).catch(() => false)
  if (!removed && !(await dropDrafts(database).catch(() => false)))
    await dropPages(database, Math.max(...tracks.map(({ fold }) => fold.sequence)))
}
