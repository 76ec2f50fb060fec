import { randomId } from '../ids.ts'
import type { Fold } from '../model/fold.ts'
import { createFolds } from '../model/model.ts'
import { deletePages } from './discard.ts'
import { moved, type Workshop } from './pipeline.ts'
import { type Checkpoint, loadPages, type Page, pagesOf } from './snapshot.ts'
import { hold, holdName } from './sweep.ts'
import { openTrack, type Track } from './track.ts'

/** By the id that whoever asked for it gave. */
const running = new Map<string, AbortController>()

/** Ends a rebuild; what it has written is taken up by the next one. */
export const cancel = (id: string): void => running.get(id)?.abort()

/**
 * Folds projections again from the log, under a build id of their own: live tabs and boots go on with the old pages
 * until one write of `meta` swaps them (rule 16). What an earlier rebuild left unfinished is taken up.
 */
export async function rebuild(shop: Workshop, id: string, wanted?: readonly string[]): Promise<void> {
  const { model, database, closing, exclusive, follow, post, tables } = shop
  const ended = new AbortController()
  running.set(id, ended)
  if (closing.aborted) ended.abort(closing.reason)
  const over = new AbortController()
  closing.addEventListener('abort', () => ended.abort(closing.reason), { signal: over.signal })
  const { signal } = ended
  const names = Object.keys(model.projections).filter((name) => wanted?.includes(name) ?? true)
  let total = 0
  const progress = (done: number): void =>
    post({ progress: { phase: 'rebuild', done, total: Math.max(done + 1, total) }, projections: names })
  const wantedFolds = (): Fold[] => createFolds(model).filter(({ name }) => names.includes(name))
  try {
    await (await tables)?.rebuild(names, signal)
    for (let fresh = false; wantedFolds().length; fresh = true) {
      const begun = await begin(shop, wantedFolds(), fresh)
      total = begun.total
      hold(
        begun.building.map(({ fold: { identity }, build }) => holdName(database.name, identity, build)),
        over.signal,
      )
      progress(Math.min(...begun.building.map(({ fold }) => fold.sequence)))
      try {
        do await follow(begun.building, signal, progress)
        while (!(await exclusive(() => swap(shop, begun.building, signal))))
        return
      } catch (error) {
        if (error !== moved) throw error
      }
    }
  } finally {
    running.delete(id)
    over.abort()
    post({ progress: { phase: 'rebuild', done: total, total }, projections: names })
  }
}

async function begin(
  { database }: Workshop,
  folds: readonly Fold[],
  fresh: boolean,
): Promise<{ building: Track[]; total: number }> {
  const { all, builds, log } = await database.transact(['checkpoints', 'meta'], 'readonly', (store) => ({
    all: store('checkpoints').getAll() as IDBRequest<Checkpoint[]>,
    builds: store('meta').get('builds'),
    log: store('meta').get('log'),
  }))
  database.log ??= log.result
  const building: Track[] = []
  for (const fold of folds) {
    const { identity } = fold
    const live = builds.result?.[identity] ?? ''
    const left = fresh
      ? undefined
      : all.result.find((one) => one.identity === identity && one.build && one.build !== live && !one.failed)
    const pages =
      left &&
      (await database.transact(
        ['pages'],
        'readonly',
        (store) => store('pages').getAll(pagesOf(identity, left.build)) as IDBRequest<Page[]>,
      ))
    const whole = left && pages && loadPages(fold, left, pages.result)
    if (!whole) fold.clear()
    building.push(await openTrack(database, fold, whole ? left : undefined, whole ? left.build : randomId(), false))
  }
  return { building, total: Math.max(0, ...all.result.map(({ sequence }) => sequence)) }
}

/** Makes finished builds the live ones, if none is behind what it replaces. */
async function swap(
  { database, follow, write, reload }: Workshop,
  building: readonly Track[],
  signal: AbortSignal,
): Promise<boolean> {
  await follow(building, signal)
  await write(building)
  let swapped = false
  let lost = false
  await database.transact(['meta', 'checkpoints', 'pages', 'rowEvents'], 'readwrite', (store) => {
    const builds = store('meta').get('builds')
    const all: IDBRequest<Checkpoint[]> = store('checkpoints').getAll()
    all.onsuccess = () => {
      const before: Readonly<Record<string, string>> = builds.result ?? {}
      const at = (identity: string, build = ''): number =>
        all.result.find((one) => one.identity === identity && one.build === build)?.sequence ?? -1
      // Another rebuild has swapped meanwhile, and swept this one's build away.
      lost = building.some(({ fold: { identity }, build, stored = -1 }) => at(identity, build) !== stored)
      swapped =
        !lost &&
        building.every(
          ({ fold: { identity, failed }, build }) => failed || at(identity, build) >= at(identity, before[identity]),
        )
      if (!swapped) return
      const after = { ...before }
      for (const { fold, build } of building) {
        const { identity } = fold
        // An empty log leaves nothing to swap.
        if (at(identity, build) < 0) continue
        after[identity] = build
        for (const one of all.result)
          if (one.identity === identity && one.build !== build) deletePages(store, identity, one.build)
      }
      store('meta').put(after, 'builds')
    }
  })
  if (lost) throw moved
  if (swapped) await reload()
  return swapped
}
