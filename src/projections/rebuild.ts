import { aborting } from '../async.ts'
import { StorageError } from '../errors.ts'
import { randomId } from '../ids.ts'
import type { Fold } from '../model/fold.ts'
import { createFolds } from '../model/model.ts'
import { createQueue } from '../queue.ts'
import { deletePages } from './discard.ts'
import { hold, holdName } from './hold.ts'
import { openTrack } from './openTrack.ts'
import { loadPages, pagesOf } from './snapshot.ts'
import type { Track } from './track.ts'
import type { Workshop } from './workshop.ts'

/** How often a rebuild may start over because another writer deleted its build. */
const REBUILD_TRIES = 4
/** How often a build may be folded to the end of the log again because the rows that it replaces are ahead of it. */
const SWAP_TRIES = 16

/** One rebuild, and the calls that wait for it. */
interface Running {
  readonly names: readonly string[]
  readonly ended: AbortController
  /** Calls that have not been cancelled. */
  readonly callers: Set<string>
  result: Promise<void>
}

export interface Rebuilds {
  /** Folds these projections again. A call joins a rebuild that already covers its projections; otherwise it queues. */
  rebuild(id: string, wanted?: readonly string[]): Promise<void>
  /** Cancels a call. The next rebuild resumes from the pages that were already written. */
  cancel(id: string): void
}

export function createRebuilds(shop: Workshop): Rebuilds {
  const queue = createQueue()
  const running = new Set<Running>()
  const calls = new Map<string, AbortController>()

  function enqueue(names: readonly string[]): Running {
    const ended = new AbortController()
    const one: Running = { names, ended, callers: new Set(), result: Promise.resolve() }
    const stop = (): void => ended.abort(shop.closing.reason)
    shop.closing.addEventListener('abort', stop, { once: true })
    one.result = queue
      .run(() => rebuildTracks(shop, names, ended.signal))
      .finally(() => {
        running.delete(one)
        shop.closing.removeEventListener('abort', stop)
      })
    // Callers await this promise and get its error. This handler prevents an unhandled rejection if all have cancelled.
    one.result.catch(() => {})
    running.add(one)
    return one
  }

  return {
    async rebuild(id, wanted) {
      shop.closing.throwIfAborted()
      const names = Object.keys(shop.model.projections).filter((name) => wanted?.includes(name) ?? true)
      const covers = (one: Running): boolean =>
        !one.ended.signal.aborted && names.every((name) => one.names.includes(name))
      const one = [...running].find(covers) ?? enqueue(names)
      const cancelled = new AbortController()
      calls.set(id, cancelled)
      one.callers.add(id)
      try {
        await aborting(one.result, cancelled.signal)
      } finally {
        calls.delete(id)
        one.callers.delete(id)
        if (!one.callers.size) one.ended.abort()
      }
    },
    cancel: (id) => calls.get(id)?.abort(),
  }
}

/**
 * Folds projections again from the log, under new build ids. Tabs that boot meanwhile read the old pages, until one
 * write of `meta` swaps the builds (rule 16). A build that an earlier rebuild left unfinished is resumed.
 */
async function rebuildTracks(shop: Workshop, names: readonly string[], signal: AbortSignal): Promise<void> {
  const { database, model, exclusive, foldToHead, post, tables } = shop
  signal.throwIfAborted()
  const over = new AbortController()
  let total = 0
  const progress = (done: number): void =>
    post({ progress: { phase: 'rebuild', done, total: Math.max(done + 1, total) }, projections: names })
  const wanted = (identities?: ReadonlySet<string>): Fold[] =>
    createFolds(model).filter(({ name, identity }) => names.includes(name) && (identities?.has(identity) ?? true))
  try {
    await tables?.rebuild(names, signal)
    let folds = wanted()
    for (let tries = 0; folds.length; tries++) {
      if (tries === REBUILD_TRIES) throw restless(names)
      const begun = await beginBuilds(shop, folds, tries > 0)
      const { building } = begun
      total = begun.total
      // While these locks are held, no tab deletes the unfinished builds as unused.
      hold(
        building.map(({ fold: { identity }, build }) => holdName(database.name, identity, build)),
        over.signal,
      )
      progress(Math.min(...building.map(({ fold }) => fold.sequence)))
      let swapped: Swapped = 'behind'
      for (let swaps = SWAP_TRIES; swaps-- && swapped === 'behind'; ) {
        // Most of the log is folded while the pipeline goes on flushing. Only for the last commits and the swap do
        // flushes wait.
        const followed = await foldToHead(building, signal, progress)
        swapped = followed === 'replaced' ? followed : await exclusive(() => swap(shop, building, signal))
      }
      if (swapped === 'swapped') return
      if (swapped === 'behind') throw restless(names)
      // Another rebuild was faster. The builds that it swapped in are kept, and the remaining projections start over.
      folds = wanted(await exclusive(() => unfinished(shop, begun)))
    }
  } finally {
    over.abort()
    post({ progress: { phase: 'rebuild', done: total, total }, projections: names })
  }
}

interface Begun {
  readonly building: readonly Track[]
  /** The builds that tabs read when this one began. */
  readonly before: Readonly<Record<string, string>>
  readonly total: number
}

/** Opens a new build for each fold, or resumes an unfinished one. With `fresh` it resumes none. */
async function beginBuilds({ database }: Workshop, folds: readonly Fold[], fresh: boolean): Promise<Begun> {
  const { all, builds, log } = await database.transact(['checkpoints', 'meta'], 'readonly', (store) => ({
    all: store('checkpoints').getAll(),
    builds: store('meta').get('builds'),
    log: store('meta').get('log'),
  }))
  database.log ??= log.result
  const before: Readonly<Record<string, string>> = builds.result ?? {}
  const building: Track[] = []
  for (const fold of folds) {
    const { identity } = fold
    const unfinishedBuild = fresh
      ? undefined
      : all.result.find(
          (one) => one.identity === identity && one.build && one.build !== (before[identity] ?? '') && !one.failed,
        )
    const pages =
      unfinishedBuild &&
      (await database.transact(['pages'], 'readonly', (store) =>
        store('pages').getAll(pagesOf(identity, unfinishedBuild.build)),
      ))
    const whole = unfinishedBuild && pages && loadPages(fold, unfinishedBuild, pages.result)
    if (!whole) fold.clear()
    building.push(
      await openTrack(
        database,
        fold,
        whole ? unfinishedBuild : undefined,
        whole ? unfinishedBuild.build : randomId(),
        false,
      ),
    )
  }
  return { building, before, total: Math.max(0, ...all.result.map(({ sequence }) => sequence)) }
}

type Swapped = 'swapped' | 'behind' | 'replaced'

/** Makes finished builds the live ones, unless one of them is behind the build that it replaces. */
async function swap(
  { database, foldToHead, write, reload }: Workshop,
  building: readonly Track[],
  signal: AbortSignal,
): Promise<Swapped> {
  if ((await foldToHead(building, signal)) === 'replaced') return 'replaced'
  const written = await write(building)
  if (written === 'replaced') return 'replaced'
  if (written === 'on hold')
    throw new StorageError(
      'quota',
      'IndexedDB has no space left for the rebuilt rows. The log is complete. Free space or call persist().',
    )
  let swapped = false
  let lost = false
  await database.transact(['meta', 'checkpoints', 'pages', 'rowEvents'], 'readwrite', (store) => {
    const builds = store('meta').get('builds')
    const all = store('checkpoints').getAll()
    all.onsuccess = () => {
      const before: Readonly<Record<string, string>> = builds.result ?? {}
      const at = (identity: string, build = ''): number =>
        all.result.find((one) => one.identity === identity && one.build === build)?.sequence ?? -1
      // Another rebuild has swapped its own build in and deleted this one.
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
        // With an empty log nothing was written, so there is no build to swap in.
        if (at(identity, build) < 0) continue
        after[identity] = build
        for (const one of all.result)
          if (one.identity === identity && one.build !== build) deletePages(store, identity, one.build)
      }
      store('meta').put(after, 'builds')
    }
  })
  if (lost) return 'replaced'
  if (swapped) await reload()
  return swapped ? 'swapped' : 'behind'
}

/**
 * The identities that still have to be built after another rebuild was faster. An identity is finished if that rebuild
 * has swapped a build in. It is not finished if the other build failed and this one did not, because other code may
 * have folded it.
 */
async function unfinished({ database, reload }: Workshop, { building, before }: Begun): Promise<ReadonlySet<string>> {
  const { all, builds } = await database.transact(['checkpoints', 'meta'], 'readonly', (store) => ({
    all: store('checkpoints').getAll(),
    builds: store('meta').get('builds'),
  }))
  const remaining = building.filter(({ fold: { identity, failed } }) => {
    const build = builds.result?.[identity]
    if (build === undefined || build === before[identity]) return true
    const live = all.result.find((one) => one?.identity === identity && one.build === build)
    return !live || (!!live.failed && !failed)
  })
  await reload()
  return new Set(remaining.map(({ fold }) => fold.identity))
}

const restless = (names: readonly string[]): StorageError =>
  new StorageError(
    'aborted',
    `Other writers overtook the rebuild of ${names.join(', ')}. The rows are as before. Try again.`,
  )
