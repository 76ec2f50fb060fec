import { OutdatedCodeError, ProjectionFailed } from '../errors.ts'
import { type Hint, openChannel } from '../log/channel.ts'
import { type CommitRecord, eventsOf } from '../log/commit.ts'
import { openDatabase } from '../log/database.ts'
import { readAfter } from '../log/read.ts'
import { seal } from '../log/seal.ts'
import { toWire } from '../log/wire.ts'
import { eventTypes } from '../model/events.ts'
import type { Fold, Journal, Slot } from '../model/fold.ts'
import { type AnyModel, createFolds, randomId } from '../model/model.ts'
import { foldCommit } from './foldCommit.ts'
import { deletePages, type PageWrite, writePages } from './pages.ts'
import { type Checkpoint, PAGE_ROWS, pagesOf, readSnapshot, type Snapshot } from './snapshot.ts'

/** How long changed rows wait for company before they are written. Boot's tail covers what a lost worker had not written. */
const FLUSH_DELAY = 250
/** Changed rows after which pages are written in the middle of a catch-up. */
const FLUSH_ROWS = 8192
/** Newest events that stay unsealed, so that a tab a little behind reads commits. */
const UNSEALED = 2048
const SEAL_DELAY = 1000

/** One projection as the pipeline keeps it. */
interface Track {
  readonly fold: Fold
  build: string
  live: boolean
  /** The persisted checkpoint, as this pipeline knows it. */
  stored: number | undefined
  failureStored: boolean
  readonly pages: Map<number, Set<Slot>>
  readonly dirty: Set<number>
  readonly journal: Journal
}

export type Checkpoints = Readonly<Record<string, number>>

/** Folds one log into its persisted projections. Async methods with cloneable values only: it serves here or across a port. */
export interface Pipeline {
  /** Folds what the log has. */
  catchUp(): Promise<void>
  /** Folds what the log has and writes it; the persisted checkpoints by projection identity. */
  flush(): Promise<Checkpoints>
  /** Folds the named projections (all without names) again from the log, beside the old pages, and swaps them in. */
  rebuild(projections?: readonly string[], id?: string): Promise<void>
  /** Ends the rebuild with that id; what it has written is taken up by the next one. */
  cancel(id: string): Promise<void>
  close(): Promise<void>
}

export async function createPipeline(model: AnyModel, name: string): Promise<Pipeline> {
  const types = eventTypes(model.events)
  const database = await openDatabase(name, false)
  const closing = new AbortController()
  const rebuilds = new Map<string, AbortController>()
  let tracks: Track[] = []
  let loaded = false
  let outdated: OutdatedCodeError | undefined
  let changed = 0
  let timer: ReturnType<typeof setTimeout> | undefined
  let delay = FLUSH_DELAY
  let queue: Promise<unknown> = Promise.resolve()
  let waiting: Promise<void> | undefined
  /** Commits that hints carried; one that fits exactly need not be read. */
  const hinted: CommitRecord[] = []
  let behind = true
  const channel = openChannel(name, receive)

  /** One thing at a time: a catch-up, a flush and a rebuild share the folds. */
  function exclusive<T>(task: () => Promise<T>): Promise<T> {
    const result = queue.then(task)
    queue = result.catch(() => {})
    return result
  }

  function receive(hint: Hint): void {
    if (hint.log !== database.log?.id) return
    if ('commit' in hint) hinted.push(hint.commit)
    else if ('head' in hint) behind = true
    else return
    void catchUp().catch(stopped)
  }

  function stopped(): void {
    // Whoever asks next gets the error; a hint has nobody to tell.
  }

  function catchUp(): Promise<void> {
    waiting ??= exclusive(() => {
      waiting = undefined
      return readOn()
    })
    return waiting
  }

  async function load(): Promise<void> {
    const folds = createFolds(model)
    const snapshot = await readSnapshot(database, folds)
    database.log ??= snapshot.log
    refuseUnknown(snapshot)
    if (snapshot.discarded.length) await discard(snapshot.discarded)
    tracks = folds.map((fold) => track(fold, snapshot.checkpoints.get(fold.identity)))
    loaded = behind = true
  }

  /** A worker of an older build leaves what it does not understand alone (rule 17). */
  function refuseUnknown({ types: stored }: Pick<Snapshot, 'types'>): void {
    const unknown = stored.find(({ type, version }) => !types.knows(type, version))
    if (unknown) throw (outdated = new OutdatedCodeError(unknown.type, unknown.version))
  }

  function discard(identities: readonly string[]): Promise<unknown> {
    return database.transact(['checkpoints', 'pages', 'meta'], 'readwrite', (store) => {
      const builds = store('meta').get('builds')
      builds.onsuccess = () => {
        for (const identity of identities) deletePages(store, identity, builds.result?.[identity] ?? '')
      }
    })
  }

  function track(fold: Fold, checkpoint: Checkpoint | undefined, build = checkpoint?.build ?? '', live = true): Track {
    const made: Track = {
      fold,
      build,
      live,
      stored: checkpoint?.sequence,
      failureStored: !!checkpoint?.failed,
      pages: new Map(),
      dirty: new Set(),
      journal: [],
    }
    if (checkpoint?.failed) fold.failed = new ProjectionFailed(fold.name, checkpoint.failed.sequence)
    // A value that no event has changed yet has no page.
    if (checkpoint?.rows) for (const slot of fold.slots) pageOf(made, slot).add(slot)
    return made
  }

  function pageOf({ pages }: Track, { n }: Slot): Set<Slot> {
    const page = Math.floor(n / PAGE_ROWS)
    let slots = pages.get(page)
    if (!slots) pages.set(page, (slots = new Set()))
    return slots
  }

  async function readOn(): Promise<void> {
    if (outdated) throw outdated
    if (!loaded) await load()
    const live = tracks.filter(({ fold }) => !fold.failed)
    for (const record of hinted.splice(0)) {
      const fits = live.every(({ fold }) => fold.sequence === record.first - 1)
      if (fits && !behind) fold(record, tracks)
      else if (live.some(({ fold }) => fold.sequence < record.last)) behind = true
    }
    if (behind && live.length) await follow(live, closing.signal)
    behind = false
    if (changed) later()
    else sealLater()
  }

  /** Folds the log into these tracks, to its end, writing pages on the way when much has changed. */
  async function follow(into: readonly Track[], signal: AbortSignal, progress?: (done: number) => void): Promise<void> {
    let done = Math.min(...into.map(({ fold }) => fold.sequence))
    for await (const records of readAfter(database, done, signal)) {
      for (const record of records) {
        fold(record, into)
        done = record.last
        if (changed >= FLUSH_ROWS && Date.now() - flushed >= delay) await write(into)
      }
      progress?.(done)
    }
  }

  function fold(record: CommitRecord, into: readonly Track[]): void {
    const events = eventsOf(record, types)
    for (const track of into) {
      const { fold, journal } = track
      foldCommit(fold, record, events, journal)
      for (const { slot } of journal) {
        if (slot.row === undefined) track.pages.get(Math.floor(slot.n / PAGE_ROWS))?.delete(slot)
        else pageOf(track, slot).add(slot)
        track.dirty.add(Math.floor(slot.n / PAGE_ROWS))
      }
      changed += journal.length + 1
      journal.length = 0
    }
    if (into === tracks) later()
  }

  let flushed = 0

  function later(): void {
    timer ??= setTimeout(() => {
      timer = undefined
      void exclusive(() => write(tracks)).catch(stopped)
    }, delay)
  }

  async function write(into: readonly Track[]): Promise<void> {
    const due = into.filter(
      ({ fold, stored, failureStored }) => fold.sequence !== (stored ?? 0) || (fold.failed && !failureStored),
    )
    changed = 0
    if (!due.length) return
    const began = Date.now()
    const refused = await writePages(database, due.map(writeOf))
    for (const track of due) {
      const { fold } = track
      if (refused.has(fold.identity)) continue
      track.stored = fold.sequence
      track.failureStored = !!fold.failed
      track.dirty.clear()
    }
    flushed = Date.now()
    // Writing takes a fifth of the time at most, however large the pages are.
    delay = Math.max(FLUSH_DELAY, 4 * (flushed - began))
    // Another pipeline wrote there: what is in memory here belongs to no page any more (rule 15).
    if (refused.size && into === tracks) loaded = false
    announce()
    sealLater()
  }

  function writeOf({ fold, build, live, stored, pages, dirty }: Track): PageWrite {
    let rows = 0
    for (const slots of pages.values()) rows += slots.size
    const failed = fold.failed && { failed: { sequence: fold.failed.sequence, error: toWire(fold.failed) } }
    return {
      checkpoint: { identity: fold.identity, build, sequence: fold.sequence, next: fold.next, rows, ...failed },
      stored,
      live,
      pages: new Map([...dirty].map((page) => [page, pages.get(page) ?? []])),
    }
  }

  const checkpoints = (): Checkpoints =>
    Object.fromEntries(tracks.map(({ fold, stored }) => [fold.identity, stored ?? 0]))

  function announce(): void {
    const failed = Object.fromEntries(
      tracks.flatMap(({ fold }) =>
        fold.failed ? [[fold.identity, { sequence: fold.failed.sequence, error: toWire(fold.failed) }]] : [],
      ),
    )
    if (database.log) channel.post({ log: database.log.id, projected: checkpoints(), failed })
  }

  let sealing: ReturnType<typeof setTimeout> | undefined

  /** Sealing waits for a quiet moment and works in slices of one segment. */
  function sealLater(): void {
    clearTimeout(sealing)
    sealing = setTimeout(async () => {
      const live = tracks.filter(({ fold }) => !fold.failed)
      const lowest = Math.min(...live.map(({ stored }) => stored ?? 0))
      if (live.length && loaded && (await seal(database, lowest - UNSEALED).catch(() => false))) sealLater()
    }, SEAL_DELAY)
  }

  async function rebuild(names: readonly string[] | undefined, id: string): Promise<void> {
    const abort = new AbortController()
    const signal = AbortSignal.any([abort.signal, closing.signal])
    rebuilds.set(id, abort)
    try {
      const folds = createFolds(model).filter(({ name }) => !names || names.includes(name))
      const building = await resume(folds)
      let total = 0
      const progress = (done: number): void => {
        total = Math.max(total, done, ...tracks.map(({ fold }) => fold.sequence))
        if (database.log)
          channel.post({
            log: database.log.id,
            progress: { phase: 'rebuild', done, total },
            projections: folds.map(({ name }) => name),
          })
      }
      progress(0)
      do await follow(building, signal, progress)
      while (!(await exclusive(() => swap(building, signal))))
      progress(total)
    } finally {
      rebuilds.delete(id)
    }
  }

  /** Builds that a rebuild before this one left unfinished are taken up where they stand. */
  async function resume(folds: readonly Fold[]): Promise<Track[]> {
    const { all, builds } = await database.transact(['checkpoints', 'meta'], 'readonly', (store) => ({
      all: store('checkpoints').getAll() as IDBRequest<Checkpoint[]>,
      builds: store('meta').get('builds'),
    }))
    const building: Track[] = []
    for (const fold of folds) {
      const live = builds.result?.[fold.identity] ?? ''
      const left = all.result.find(
        ({ identity, build, failed }) => identity === fold.identity && build !== live && build !== '' && !failed,
      )
      const pages =
        left &&
        (await database.transact(['pages'], 'readonly', (store) =>
          store('pages').getAll(pagesOf(left.identity, left.build)),
        ))
      if (left && pages) {
        for (const { page, rows, at } of pages.result) fold.load(rows, (i) => page * PAGE_ROWS + (at ? at[i] : i))
        fold.next = left.next
        fold.sequence = left.sequence
      }
      building.push(track(fold, left, left?.build ?? randomId(), false))
    }
    return building
  }

  /** Makes finished builds the live ones, if none is behind what it replaces. One write of `meta` is the swap. */
  async function swap(building: readonly Track[], signal: AbortSignal): Promise<boolean> {
    await follow(building, signal)
    await write(building)
    let swapped = false
    await database.transact(['meta', 'checkpoints', 'pages'], 'readwrite', (store) => {
      const builds = store('meta').get('builds')
      const all: IDBRequest<Checkpoint[]> = store('checkpoints').getAll()
      all.onsuccess = () => {
        const before: Record<string, string> = builds.result ?? {}
        const at = (identity: string, build: string): number =>
          all.result.find((c) => c.identity === identity && c.build === build)?.sequence ?? -1
        swapped = building.every(
          ({ fold: { identity, failed }, build }) =>
            failed || at(identity, build) >= at(identity, before[identity] ?? ''),
        )
        if (!swapped) return
        const after = { ...before }
        for (const { fold, build } of building) {
          if (at(fold.identity, build) < 0) continue
          after[fold.identity] = build
          deletePages(store, fold.identity, before[fold.identity] ?? '')
        }
        store('meta').put(after, 'builds')
      }
    })
    if (!swapped) return false
    loaded = false
    await readOn()
    announce()
    return true
  }

  return {
    catchUp,
    flush: () =>
      exclusive(async () => {
        for (let tries = 0; ; tries++) {
          behind = true
          await readOn()
          await write(tracks)
          if (loaded || tries > 3) return checkpoints()
        }
      }),
    rebuild: (names, id = randomId()) => rebuild(names, id),
    async cancel(id) {
      rebuilds.get(id)?.abort()
    },
    async close() {
      closing.abort()
      clearTimeout(timer)
      clearTimeout(sealing)
      channel.close()
      await queue
      database.close()
    },
  }
}
