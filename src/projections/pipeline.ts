import { rescue } from '../copies/rescue.ts'
import { EngineClosed, OutdatedCodeError, StorageError } from '../errors.ts'
import { type Channel, type Hint, openChannel } from '../log/channel.ts'
import { type CommitRecord, eventsOf } from '../log/commit.ts'
import { openDatabase } from '../log/database.ts'
import { readAfter } from '../log/read.ts'
import { toWire } from '../log/wire.ts'
import { eventTypes } from '../model/events.ts'
import { type AnyModel, createFolds } from '../model/model.ts'
import { createBackoff, createQueue } from '../queue.ts'
import { discardPages, giveWay } from './discard.ts'
import { createFlushing } from './flushing.ts'
import { openSnapshot } from './openSnapshot.ts'
import { openTrack } from './openTrack.ts'
import { writePages } from './pages.ts'
import { createRebuilds } from './rebuild.ts'
import type { BuildKey } from './snapshot.ts'
import { openTables } from './tables.ts'
import { createTidying } from './tidy.ts'
import { foldInto, type Track } from './track.ts'
import type { Checkpoints, LoadTables, Pipeline, Workshop, Written } from './workshop.ts'

/** Commits that hints carried and that wait to be folded. If there are more, the log is read instead. */
const HINTED_COMMITS_MAX = 1024
/** Times that a pipeline whose tracks were moved under it reads the pages again, before it waits to be asked again. */
const MOVED_TRIES = 4
/** Milliseconds after which a catch-up that failed is tried again, doubled up to the maximum. */
const RETRY_MIN_MS = 1000
const RETRY_MAX_MS = 30_000

export interface PipelineOptions {
  /** Gives the code of tables on disk; without it, they are reported as failed. */
  readonly loadTables?: LoadTables | undefined
  /** Where this pipeline hears and speaks; by default it opens a channel of its own. */
  readonly listen?: ((name: string, receive: (hint: Hint) => void) => Channel) | undefined
}

export async function createPipeline(
  model: AnyModel,
  name: string,
  { loadTables, listen = openChannel }: PipelineOptions = {},
): Promise<Pipeline> {
  const types = eventTypes(model.events)
  const database = await openDatabase(name, false)
  database.rescue = (record) => rescue(database, record)
  const closing = new AbortController()
  const queue = createQueue()
  const flushing = createFlushing(() => quietly(queue.run(() => write(tracks ?? []))))
  const backoff = createBackoff(RETRY_MIN_MS, RETRY_MAX_MS)
  const hinted: CommitRecord[] = []
  let tracks: Track[] | undefined
  let behind = true
  let told: ReturnType<typeof setTimeout> | undefined
  let retry: ReturnType<typeof setTimeout> | undefined

  const channel = listen(name, (hint) => {
    if (hint.log !== database.log?.id) return
    // Also if every projection here has failed, so that the log is not folded any more.
    shop.mirror?.hear(hint)
    shop.tables?.hear(hint)
    if ('commit' in hint) {
      if (hinted.length < HINTED_COMMITS_MAX) hinted.push(hint.commit)
      else behind = true
    } else if ('head' in hint) {
      behind = true
      database.log = hint.adopted ?? database.log
    } else return
    // In a task of its own: a tab that shares this page has just appended, and answers its caller first.
    told ??= setTimeout(() => {
      told = undefined
      catchUpLater()
    })
  })

  /** A hint has nobody to tell of an error: the next question gets it, and the log is read again in a while. */
  function catchUpLater(): void {
    quietly(
      queue.join(readOn).catch((error) => {
        const isOver = error instanceof EngineClosed || error instanceof OutdatedCodeError || closing.signal.aborted
        if (isOver) return
        retry ??= setTimeout(() => {
          retry = undefined
          catchUpLater()
        }, backoff.next())
      }),
    )
  }

  async function load(): Promise<Track[]> {
    const folds = createFolds(model)
    const { log, types: stored, checkpoints, builds, discarded } = await openSnapshot(database, folds)
    // Being restored: what is read here is not the log yet.
    if (!log.format) throw new StorageError('closed')
    database.log = log
    behind = true
    // A worker of an older build leaves alone what it does not understand (rule 17).
    for (const { type, version } of stored) if (!types.knows(type, version)) throw new OutdatedCodeError(type, version)
    if (discarded.length) {
      await discardPages(database, discarded)
      shop.post({ error: toWire(lostRows(discarded)) })
    }
    return Promise.all(
      folds.map((fold) => openTrack(database, fold, checkpoints.get(fold.identity), builds?.[fold.identity])),
    )
  }

  async function readOn(): Promise<void> {
    for (let tries = MOVED_TRIES; tries--; ) {
      tracks ??= await load()
      const live = tracks.filter(({ fold }) => !fold.failed)
      for (const record of hinted.splice(0)) {
        if (!behind && live.every(({ fold }) => fold.sequence === record.first - 1)) fold(record, live)
        else behind ||= live.some(({ fold }) => fold.sequence < record.last)
      }
      if (!behind || !live.length) break
      // Before the read: a hint that comes meanwhile is read by the next one.
      behind = false
      try {
        if ((await follow(live, closing.signal)) !== 'moved') break
      } catch (error) {
        behind = true
        throw error
      }
    }
    backoff.reset()
    if (closing.signal.aborted) return
    if (flushing.hasChanges) flushing.later()
    else tidying.later()
  }

  async function follow(
    into: readonly Track[],
    signal: AbortSignal,
    progress?: (done: number) => void,
  ): Promise<Written> {
    let done = Math.min(...into.map(({ fold }) => fold.sequence))
    for await (const records of readAfter(database, done, signal)) {
      for (const record of records) {
        fold(record, into)
        done = record.last
        if (!flushing.isDue) continue
        if ((await write(into)) === 'moved') return 'moved'
      }
      progress?.(done)
    }
    return 'written'
  }

  function fold(record: CommitRecord, into: readonly Track[]): void {
    const events = eventsOf(record, types)
    for (const track of into) flushing.note(foldInto(track, record, events))
    shop.mirror?.told()
  }

  async function write(into: readonly Track[]): Promise<Written> {
    const written = flushing.begin()
    const due = into.filter(({ fold, stored = 0, failed }) => fold.sequence !== stored || fold.failed !== failed)
    if (!due.length) return 'written'
    const refused = await writePages(database, due).catch(async (error) => {
      tracks = undefined
      await giveWay(database, error, due)
      throw error
    })
    if (!refused) return 'held'
    // What these tracks hold belongs to no page any more (rule 15).
    if (refused.size && due[0]?.live) tracks = undefined
    written()
    announce()
    tidying.later()
    return refused.size ? 'moved' : 'written'
  }

  const checkpoints = (): Checkpoints =>
    Object.fromEntries(
      (tracks ?? []).map(({ fold: { identity, failed }, stored = 0 }) => [identity, failed ? toWire(failed) : stored]),
    )

  const announce = (): void => shop.post({ projected: checkpoints() })

  const shop: Workshop = {
    model,
    database,
    closing: closing.signal,
    get tracks() {
      return tracks
    },
    get tables() {
      return onDisk
    },
    exclusive: queue.run,
    channel,
    atHead: (task, read = true) =>
      queue.run(async () => {
        behind ||= read
        await readOn()
        if (!tracks) throw new StorageError('aborted', `Others replace the pages of "${name}" all the time. Try again`)
        try {
          return await task(tracks.map(({ fold }) => fold))
        } finally {
          if (flushing.hasChanges && !closing.signal.aborted) flushing.later()
        }
      }),
    fold: (record) => fold(record, tracks ?? []),
    follow,
    write,
    async reload() {
      tracks = undefined
      await readOn()
      announce()
    },
    post(hint) {
      channel.post({ log: database.log?.id, ...hint } as Hint)
    },
  }
  const tidying = createTidying(shop)
  const rebuilds = createRebuilds(shop)
  const onDisk = openTables(shop, loadTables)

  return {
    shop,
    ...rebuilds,
    async flush() {
      const written = await queue.run(async () => {
        behind = true
        let written: Written = 'moved'
        for (let tries = MOVED_TRIES; tries-- && written === 'moved'; ) {
          await readOn()
          written = tracks ? await write(tracks) : 'moved'
        }
        return written
      })
      if (written === 'held') throw noRoom(name)
      return { ...checkpoints(), ...(await shop.tables?.flush()) }
    },
    async close() {
      closing.abort(new EngineClosed('closed'))
      flushing.stop()
      clearTimeout(told)
      clearTimeout(retry)
      channel.close()
      await queue.idle()
      database.close()
    },
  }
}

const quietly = (promise: Promise<unknown>): void => void promise.catch(() => {})

const noRoom = (name: string): StorageError =>
  new StorageError(
    'quota',
    `IndexedDB had no space left for the persisted rows of "${name}", so they were removed; the log is complete. They are ` +
      'written again after an event was appended. Free space or call persist().',
  )

const lostRows = (discarded: readonly BuildKey[]): StorageError =>
  new StorageError(
    'lost',
    `The persisted rows of ${discarded.map(({ identity }) => identity)} were damaged or lost: they are folded again from the log.`,
  )
