import { type CommitRecord, eventsOf } from '../log/commit.ts'
import { readAfter } from '../log/read.ts'
import { eventTypes } from '../model/events.ts'
import { giveWay } from './discard.ts'
import type { Flushing } from './flushing.ts'
import { writePages } from './pages.ts'
import { foldInto, type Track } from './track.ts'
import type { Workshop, Written } from './workshop.ts'

/** Folds the log into tracks and writes their pages: for the live ones and for those of a rebuild. */
export interface Folding extends Pick<Workshop, 'foldToHead' | 'write'> {
  /** Folds one commit into the tracks that it follows next. */
  fold(record: CommitRecord, into: readonly Track[]): void
}

export interface FoldingHooks {
  /** A write ended: pages were written, or refused because another pipeline had moved their checkpoints. */
  written(): void
  /** The live tracks no longer match the stored pages (rule 15). */
  outdated(): void
}

export function createFolding(shop: Workshop, flushing: Flushing, { written, outdated }: FoldingHooks): Folding {
  const { database, model } = shop
  const types = eventTypes(model.events)

  const folding: Folding = {
    fold(record, into) {
      const events = eventsOf(record, types)
      for (const track of into) flushing.note(foldInto(track, record, events))
      shop.mirror?.noteGrowth()
    },

    async foldToHead(into, signal, progress) {
      let done = Math.min(...into.map(({ fold }) => fold.sequence))
      for await (const records of readAfter(database, done, signal)) {
        for (const record of records) {
          folding.fold(record, into)
          done = record.last
          if (!flushing.isDue) continue
          if ((await folding.write(into)) === 'replaced') return 'replaced'
        }
        progress?.(done)
      }
      return 'written'
    },

    async write(into): Promise<Written> {
      const noteTime = flushing.startWrite()
      const due = into.filter(({ fold, stored = 0, failed }) => fold.sequence !== stored || fold.failed !== failed)
      if (!due.length) return 'written'
      const refused = await writePages(database, due).catch(async (error) => {
        outdated()
        await giveWay(database, error, due)
        throw error
      })
      if (!refused) return 'on hold'
      if (refused.size && due[0]?.live) outdated()
      noteTime()
      written()
      return refused.size ? 'replaced' : 'written'
    },
  }
  return folding
}
