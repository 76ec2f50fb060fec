import type { Database } from '../log/database.ts'
import type { Slot } from '../model/fold.ts'
import { type Checkpoint, PAGE_ROWS, type Page, pagesOf } from './snapshot.ts'

/** One fold's part of a page write. `stored` is the checkpoint this pipeline left there, undefined for none. */
export interface PageWrite {
  readonly checkpoint: Checkpoint
  readonly stored: number | undefined
  /** The build that tabs read, as opposed to a rebuild that is under way. */
  readonly live: boolean
  readonly pages: ReadonlyMap<number, Iterable<Slot>>
}

/**
 * Writes dirty pages and their checkpoints in one transaction and returns the identities it refused: another pipeline
 * has moved the checkpoint or swapped the build, so this one's memory is no longer what the pages hold (rule 15).
 */
export async function writePages({ transact }: Database, writes: readonly PageWrite[]): Promise<ReadonlySet<string>> {
  const refused = new Set<string>()
  const encoded = writes.map(({ pages }) => [...pages].map(([page, slots]) => encode(page, slots)))
  await transact(['meta', 'checkpoints', 'pages'], 'readwrite', (store, transaction) => {
    const hold = store('meta').get('hold')
    const builds = store('meta').get('builds')
    const before = writes.map(({ checkpoint: { identity, build } }) => store('checkpoints').get([identity, build]))
    const last = before.at(-1) ?? builds
    last.onsuccess = () => {
      for (const [i, { checkpoint, stored, live }] of writes.entries()) {
        const { identity, build } = checkpoint
        const swapped = live && (builds.result?.[identity] ?? '') !== build
        if (hold.result || swapped || before[i]?.result?.sequence !== stored) {
          refused.add(identity)
          continue
        }
        for (const page of encoded[i] ?? []) {
          const key = [identity, build, page.page]
          if (page.rows.length) store('pages').put(page, key)
          else store('pages').delete(key)
        }
        store('checkpoints').put(checkpoint, [identity, build])
      }
      transaction.commit()
    }
  })
  return refused
}

function encode(page: number, slots: Iterable<Slot>): Page {
  const sorted = [...slots].sort((a, b) => a.n - b.n)
  const rows = sorted.map(({ row }) => row)
  const dense = sorted.every(({ n }, i) => n === page * PAGE_ROWS + i)
  return dense ? { page, rows } : { page, rows, at: Uint16Array.from(sorted, ({ n }) => n - page * PAGE_ROWS) }
}

/** Removes the pages and checkpoint of one build, together. */
export function deletePages(
  store: (name: 'pages' | 'checkpoints') => IDBObjectStore,
  identity: string,
  build: string,
): void {
  store('pages').delete(pagesOf(identity, build))
  store('checkpoints').delete([identity, build])
}
