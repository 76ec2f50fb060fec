import { commitNow, type Database } from '../log/database.ts'
import type { Checkpoint, Page } from '../log/stores.ts'
import { toWire } from '../log/wire.ts'
import type { Slot } from '../model/fold.ts'
import { PAGE_ROWS } from './snapshot.ts'
import type { Track } from './track.ts'

/**
 * Writes dirty pages and their checkpoints in one transaction and returns the identities it refused: another pipeline
 * has moved the checkpoint or swapped the build, so this one's memory is no longer what the pages hold (rule 15).
 * undefined where nothing may be written for now.
 */
export async function writePages(
  { transact }: Database,
  tracks: readonly Track[],
): Promise<ReadonlySet<string> | undefined> {
  let held = false
  const refused = new Set<string>()
  const writes = tracks.map(({ pages, dirty, index }) => ({
    rows: Array.from(dirty, (page) => [page, encode(page, pages.get(page) as Set<Slot>)] as const),
    index: index?.pack() ?? [],
  }))
  await transact(['meta', 'checkpoints', 'pages', 'rowEvents'], 'readwrite', (store, transaction) => {
    const hold = store('meta').get('hold')
    const builds = store('meta').get('builds')
    const before = tracks.map(({ fold, build }) => store('checkpoints').get([fold.identity, build]))
    // The last that was asked for.
    before.at(-1)!.onsuccess = () => {
      // After a quota error nothing is written until an append has gone through since (rule 19); this write is the probe.
      held = tracks.every(({ fold }) => fold.sequence <= (hold.result?.head ?? Number.NEGATIVE_INFINITY))
      if (held) return
      for (const [i, { fold, build, live, first, stored, pages }] of tracks.entries()) {
        const { identity, failed, sequence, next } = fold
        const swapped = live && (builds.result?.[identity] ?? '') !== build
        const result = before[i]?.result
        if (swapped || (result?.identity === identity ? result.sequence : undefined) !== stored) {
          refused.add(identity)
          continue
        }
        for (const [page, value] of writes[i]!.rows) {
          if (value) store('pages').put(value, [identity, build, page])
          else store('pages').delete([identity, build, page])
        }
        for (const [rest, value] of writes[i]!.index) store('rowEvents').put(value, [identity, build, ...rest])
        let rows = 0
        for (const slots of pages.values()) rows += slots.size
        const checkpoint: Checkpoint = {
          identity,
          build,
          first,
          sequence,
          next,
          rows,
          ...(failed && { failed: { sequence: failed.sequence, error: toWire(failed) } }),
        }
        if (__DEV__) Object.assign(checkpoint, { code: tracks[i]?.code })
        store('checkpoints').put(checkpoint, [identity, build])
      }
      if (hold.result) store('meta').delete('hold')
      commitNow(transaction)
    }
  })
  if (held) return
  for (const track of tracks) {
    const { fold, dirty, index } = track
    if (refused.has(fold.identity)) continue
    track.stored = fold.sequence
    track.failed = fold.failed
    dirty.clear()
    index?.written()
  }
  return refused
}

/** undefined for a page without rows. */
function encode(page: number, slots: ReadonlySet<Slot>): Page | undefined {
  if (!slots.size) return
  const sorted = [...slots].sort((a, b) => a.n - b.n)
  const rows = sorted.map(({ row }) => row)
  const at = sorted.map(({ n }) => n - page * PAGE_ROWS)
  return at.every((place, i) => place === i) ? { page, rows } : { page, rows, at: Uint16Array.from(at) }
}
