import { OutdatedCodeError, StorageError } from '../errors.ts'
import type { CommitRecord } from '../log/commit.ts'
import { toWire } from '../log/wire.ts'
import { eventTypes } from '../model/events.ts'
import { createFolds } from '../model/model.ts'
import { discardPages } from './discard.ts'
import type { Folding } from './folding.ts'
import type { HintQueue } from './hintQueue.ts'
import { openSnapshot } from './openSnapshot.ts'
import { openTrack } from './openTrack.ts'
import type { BuildKey } from './snapshot.ts'
import type { Track } from './track.ts'
import type { Checkpoints, Workshop, Written } from './workshop.ts'

/**
 * How often a pipeline reads the pages again because another one has replaced them. After that it gives up until it is
 * asked again.
 */
const REPLACED_TRIES = 4

/**
 * The tracks (a fold and its stored pages) of the builds that tabs read. Run only one asynchronous method at a time,
 * through the pipeline's queue.
 */
export interface LiveTracks extends Pick<Workshop, 'atHead'> {
  /** Undefined while the pages have to be read. */
  readonly tracks: readonly Track[] | undefined
  readonly checkpoints: Checkpoints
  /** Folds the commits that hints carried. Reads the log if some are missing. */
  readOn(): Promise<void>
  /** Folds the log to its end and writes the pages. */
  flush(): Promise<Written>
  /** Writes the pages that have changed, without reading the log. */
  write(): Promise<Written>
  /** Folds the next commit, which the caller read itself. */
  fold(record: CommitRecord): void
  /** Drops the tracks, so that the pages are read again. */
  forget(): void
}

export interface LiveTracksHooks {
  /** The tracks have reached the end of the log. */
  reached(): void
  /** A task over the folds may have changed them. */
  changed(): void
}

export function createLiveTracks(
  shop: Workshop,
  folding: Folding,
  hints: HintQueue,
  { reached, changed }: LiveTracksHooks,
): LiveTracks {
  let tracks: readonly Track[] | undefined

  /** Folds what hints and the log have. Stops after `REPLACED_TRIES`, and may then leave `tracks` undefined. */
  async function followLog(): Promise<void> {
    for (let tries = REPLACED_TRIES; tries--; ) {
      if (!tracks) {
        tracks = await loadTracks(shop)
        hints.isBehind = true
      }
      const live = tracks.filter(({ fold }) => !fold.failed)
      for (const record of hints.drain()) {
        if (!hints.isBehind && live.every(({ fold }) => fold.sequence === record.first - 1)) folding.fold(record, live)
        else hints.isBehind ||= live.some(({ fold }) => fold.sequence < record.last)
      }
      if (!hints.isBehind || !live.length) return
      // Cleared before the read: a hint that arrives during it sets it again, for the next read.
      hints.isBehind = false
      try {
        // 'replaced': the stored pages were replaced, and `forget` was called. The next try loads them.
        if ((await folding.foldToHead(live, shop.closing)) !== 'replaced') return
      } catch (error) {
        hints.isBehind = true
        throw error
      }
    }
  }

  const live: LiveTracks = {
    get tracks() {
      return tracks
    },
    get checkpoints() {
      return Object.fromEntries(
        (tracks ?? []).map(({ fold, stored = 0 }) => [fold.identity, fold.failed ? toWire(fold.failed) : stored]),
      )
    },
    async readOn() {
      await followLog()
      reached()
    },
    async flush() {
      hints.isBehind = true
      let written: Written = 'replaced'
      for (let tries = REPLACED_TRIES; tries-- && written === 'replaced'; ) {
        await live.readOn()
        written = tracks ? await live.write() : 'replaced'
      }
      return written
    },
    async atHead(task, read = true) {
      hints.isBehind ||= read
      await live.readOn()
      if (!tracks)
        throw new StorageError('aborted', `Others replace the pages of "${shop.database.name}" all the time. Try again`)
      try {
        return await task(tracks.map(({ fold }) => fold))
      } finally {
        changed()
      }
    },
    write: () => folding.write(tracks ?? []),
    fold: (record) => folding.fold(record, tracks ?? []),
    forget() {
      tracks = undefined
    },
  }
  return live
}

/** The tracks, loaded from their stored pages. */
async function loadTracks({ database, model, post }: Workshop): Promise<Track[]> {
  const types = eventTypes(model.events)
  const folds = createFolds(model)
  const { log, types: stored, checkpoints, builds, discarded } = await openSnapshot(database, folds)
  // The database is being restored: its content is not the log yet.
  if (!log.format) throw new StorageError('closed')
  database.log = log
  // A worker of an older build must not fold events that it does not know (rule 17).
  for (const { type, version } of stored) if (!types.knows(type, version)) throw new OutdatedCodeError(type, version)
  if (discarded.length) {
    await discardPages(database, discarded)
    post({ error: toWire(lostRows(discarded)) })
  }
  return Promise.all(
    folds.map((fold) => openTrack(database, fold, checkpoints.get(fold.identity), builds?.[fold.identity])),
  )
}

const lostRows = (discarded: readonly BuildKey[]): StorageError =>
  new StorageError(
    'lost',
    `The persisted rows of ${discarded.map(({ identity }) => identity)} were damaged or lost: they are folded again from the log.`,
  )
