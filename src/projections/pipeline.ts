import type { MirrorHost } from '../copies/mirror.ts'
import { EngineClosed, OutdatedCodeError, StorageError } from '../errors.ts'
import { type Hint, openChannel } from '../log/channel.ts'
import { type CommitRecord, eventsOf } from '../log/commit.ts'
import { openDatabase } from '../log/database.ts'
import { readAfter } from '../log/read.ts'
import type { WireError } from '../log/wire.ts'
import { eventTypes } from '../model/events.ts'
import { type AnyModel, createFolds } from '../model/model.ts'
import type { OnDiskTables } from './onDisk.ts'
import { writePages } from './pages.ts'
import { readSnapshot } from './snapshot.ts'
import { foldInto, openTrack, type Track } from './track.ts'

/** Milliseconds that changed rows wait for company. Boot's tail covers what a lost worker had not written. */
const FLUSH_DELAY = 250
/** Changes after which pages are written in the middle of a catch-up. */
const FLUSH_CHANGES = 8192

/** A rebuild found that another one writes under the same build id. */
export const moved: unique symbol = Symbol.for('moved')

/** By projection identity; for an on-disk table that failed, which no tab folds, the error. */
export type Checkpoints = Readonly<Record<string, number | WireError>>

/** Folds one log into its persisted projections. Async methods with cloneable values only: it serves here or across a port. */
export interface Pipeline {
  /** Folds what the log has. */
  catchUp(): Promise<void>
  /** Folds what the log has and writes it; the persisted checkpoints by projection identity. */
  flush(): Promise<Checkpoints>
  /** For what is fetched when it is asked for: rebuilds, the mirror. */
  readonly shop: Workshop
  close(): Promise<void>
}

/** What a rebuild and tidying need of a pipeline. */
export interface Workshop extends MirrorHost {
  readonly model: AnyModel
  /** undefined while the pages have to be read. */
  readonly tracks: readonly Track[] | undefined
  /** Where the model has tables whose rows are on disk only: they are folded apart, by what is loaded for them. */
  readonly tables: Promise<OnDiskTables> | undefined
  /** One thing at a time: a catch-up, a flush and a swap share the folds. */
  exclusive<T>(task: () => Promise<T>): Promise<T>
  /** Folds the log into these tracks, to its end, writing pages on the way when much has changed. */
  follow(into: readonly Track[], signal: AbortSignal, progress?: (done: number) => void): Promise<void>
  write(into: readonly Track[]): Promise<void>
  /** Forgets the folds: the pages are read again. */
  reload(): Promise<void>
}

export async function createPipeline(model: AnyModel, name: string): Promise<Pipeline> {
  const types = eventTypes(model.events)
  const database = await openDatabase(name, false)
  const closing = new AbortController()
  /** Commits that hints carried; one that fits exactly need not be read. */
  const hinted: CommitRecord[] = []
  let tracks: Track[] | undefined
  let behind = true
  let changes = 0
  let flushTimer: ReturnType<typeof setTimeout> | undefined
  let delay = FLUSH_DELAY
  let flushed = 0
  let queue: Promise<unknown> = Promise.resolve()
  let waiting: Promise<void> | undefined
  let held = false

  const channel = openChannel(name, (hint) => {
    if (hint.log !== database.log?.id) return
    // Also if every projection here has failed, so that the log is not folded any more.
    shop.mirror?.hear(hint)
    shop.tables?.then((tables) => tables.hear(hint)).catch(() => {})
    if ('commit' in hint) hinted.push(hint.commit)
    else if ('head' in hint) {
      behind = true
      database.log = hint.adopted ?? database.log
    } else return
    // Whoever asks next gets the error; a hint has nobody to tell.
    catchUp().catch(() => {})
  })

  function exclusive<T>(task: () => Promise<T>): Promise<T> {
    const result = queue.then(task)
    queue = result.catch(() => {})
    return result
  }

  function catchUp(): Promise<void> {
    return (waiting ??= exclusive(() => {
      waiting = undefined
      return readOn()
    }))
  }

  async function load(): Promise<Track[]> {
    const folds = createFolds(model)
    const { log, types: stored, checkpoints, builds, discarded } = await readSnapshot(database, folds)
    // Being restored: what is read here is not the log yet.
    if (!log.format) throw new StorageError('closed')
    database.log = log
    behind = true
    // A worker of an older build leaves what it does not understand alone (rule 17).
    for (const { type, version } of stored) if (!types.knows(type, version)) throw new OutdatedCodeError(type, version)
    if (discarded.length) await (await import('./discard.ts')).discardPages(database, discarded)
    return Promise.all(
      folds.map((fold) => openTrack(database, fold, checkpoints.get(fold.identity), builds?.[fold.identity])),
    )
  }

  async function readOn(): Promise<void> {
    tracks ??= await load()
    const live = tracks.filter(({ fold }) => !fold.failed)
    for (const record of hinted.splice(0)) {
      if (!behind && live.every(({ fold }) => fold.sequence === record.first - 1)) fold(record, live)
      else behind ||= live.some(({ fold }) => fold.sequence < record.last)
    }
    if (behind && live.length) {
      // Before it reads: what a hint says meanwhile is read by the next.
      behind = false
      await follow(live, closing.signal).catch((error) => {
        behind = true
        throw error
      })
    }
    if (changes) flushTimer ??= setTimeout(() => exclusive(() => write(tracks ?? [])).catch(() => {}), delay)
    else tidyLater()
  }

  async function follow(into: readonly Track[], signal: AbortSignal, progress?: (done: number) => void): Promise<void> {
    let done = Math.min(...into.map(({ fold }) => fold.sequence))
    for await (const records of readAfter(database, done, signal)) {
      for (const record of records) {
        fold(record, into)
        done = record.last
        if (changes >= FLUSH_CHANGES && Date.now() - flushed >= delay) await write(into)
      }
      progress?.(done)
    }
  }

  function fold(record: CommitRecord, into: readonly Track[]): void {
    const events = eventsOf(record, types)
    for (const track of into) changes += foldInto(track, record, events)
    shop.mirror?.told()
  }

  async function write(into: readonly Track[]): Promise<void> {
    clearTimeout(flushTimer)
    flushTimer = undefined
    changes = 0
    held = false
    const due = into.filter(({ fold, stored = 0, failed }) => fold.sequence !== stored || fold.failed !== failed)
    if (!due.length) return
    const began = Date.now()
    const refused = await writePages(database, due).catch(async (error) => {
      await (await import('./discard.ts')).giveWay(database, error, due)
      tracks = undefined
      throw error
    })
    held = !refused
    if (!refused) return
    if (refused.size) {
      // What is in memory here belongs to no page any more (rule 15).
      if (!due[0]?.live) throw moved
      tracks = undefined
    }
    flushed = Date.now()
    // Writing takes a twenty-fifth of the time, but what waits for it, sealing too, waits for seconds at most.
    delay = Math.min(4000, Math.max(FLUSH_DELAY, 24 * (flushed - began)))
    announce()
    tidyLater()
  }

  const checkpoints = (): Checkpoints =>
    Object.fromEntries((tracks ?? []).map(({ fold, stored = 0 }) => [fold.identity, stored]))

  function post(hint: object): void {
    channel.post({ log: database.log?.id, ...hint } as Hint)
  }

  const announce = (): void => post({ projected: checkpoints() })

  function tidyLater(): void {
    import('./tidy.ts').then((tidy) => tidy.tidyLater(shop)).catch(() => {})
  }

  const shop: Workshop = {
    model,
    database,
    closing: closing.signal,
    get tracks() {
      return tracks
    },
    tables: Object.values(model.projections).some(({ into }) => into.resident === false)
      ? import('./onDisk.ts').then((onDisk) => onDisk.openTables(shop))
      : undefined,
    exclusive,
    follow,
    write,
    reload() {
      tracks = undefined
      return readOn().then(announce)
    },
    post,
  }

  return {
    shop,
    catchUp,
    async flush() {
      await exclusive(async () => {
        behind = true
        for (let tries = 4; tries--; ) {
          await readOn()
          await write(tracks ?? [])
          if (tracks) break
        }
        if (held) throw new StorageError('quota')
      })
      return { ...checkpoints(), ...(await (await shop.tables)?.flush()) }
    },
    async close() {
      closing.abort(new EngineClosed('closed'))
      clearTimeout(flushTimer)
      channel.close()
      await queue
      database.close()
    },
  }
}
