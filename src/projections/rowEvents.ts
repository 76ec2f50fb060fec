import type { Key } from '../errors.ts'
import type { CommitRecord } from '../log/commit.ts'
import type { Database } from '../log/database.ts'
import type { AnyRecordedEvent } from '../model/events.ts'
import { type Fold, undo } from '../model/fold.ts'
import { discardPages } from './discard.ts'
import { foldCommit } from './foldCommit.ts'
import { type Checkpoint, loadPages, type Page, pagesOf } from './snapshot.ts'
import type { Track } from './track.ts'

/** Parts that an index is split into by key: who looks for one row reads one part. */
const PARTS = 16
/** Entries that every flush writes again, until there are so many that they are filed under the parts of their keys. */
const RECENT = 4096

/** Under [identity, build]: what is not filed yet, and the checkpoint that the whole index belongs to. */
interface Recent {
  readonly sequence: number
  readonly rows: string
}
/** JSON of rows, each a key and its sequences: the first as it is, each other as its distance to the one before. */
type Packed = readonly (readonly [Key, ...number[]])[]

/** Which events touched which row of one table, for `engine.history({ table, key })`. */
export interface RowIndex {
  /** Folds a commit as `foldCommit` does, and notes what each of its events touched. */
  fold(record: CommitRecord, events: readonly AnyRecordedEvent[]): void
  /** What has to be written with a checkpoint: the rest of the key, and the value. */
  pack(): readonly (readonly [rest: readonly number[], value: unknown])[]
  /** What was packed is stored. */
  written(): void
}

/** Gives a track its index. Where that does not stand where the rows do, the track starts over: the index is folded with them. */
export async function openIndex(database: Database, track: Track): Promise<void> {
  const { fold, build, stored } = track
  const { identity } = fold
  const { result } = await database.transact(
    ['rowEvents'],
    'readonly',
    (store): IDBRequest<Recent | undefined> => store('rowEvents').get([identity, build]),
  )
  const whole = stored === undefined || result?.sequence === stored
  if (!whole) {
    await discardPages(database, [{ identity, build }])
    fold.clear()
    track.stored = undefined
    track.first = 0
    track.failureStored = false
    track.pages.clear()
  }
  track.index = createIndex(track, unpack(whole && result ? [result.rows] : []))
}

function createIndex({ fold, journal }: Track, recent: Map<Key, number[]>): RowIndex {
  let count = 0
  let filed = false
  for (const { length } of recent.values()) count += length
  return {
    fold({ first, last }, events) {
      if (fold.failed || fold.sequence !== first - 1) return
      const ends: number[] = []
      for (const event of events) {
        const { sequence } = event
        foldCommit(fold, { id: '', first: sequence, last: sequence, body: '' }, [event], journal)
        ends.push(journal.length)
        if (!fold.failed) continue
        // Of this commit nothing stands (rule 1).
        undo(journal)
        fold.sequence = first - 1
        return
      }
      fold.sequence = last
      for (let i = 0, at = 0; i < events.length; i++) {
        for (; at < (ends[i] as number); at++) {
          const { key } = (journal[at] as (typeof journal)[0]).slot
          const sequences = recent.get(key)
          if (sequences) sequences.push(first + i)
          else recent.set(key, [first + i])
          count++
        }
      }
    },
    pack() {
      const { sequence } = fold
      filed = count > RECENT
      if (!filed) return [[[], { sequence, rows: packed(recent) } satisfies Recent]]
      const parts = new Map<number, [Key, number[]][]>()
      for (const row of recent) {
        const part = partOf(row[0])
        const rows = parts.get(part)
        if (rows) rows.push(row)
        else parts.set(part, [row])
      }
      return [
        [[], { sequence, rows: '[]' } satisfies Recent],
        ...Array.from(parts, ([part, rows]) => [[part, sequence], packed(rows)] as const),
      ]
    },
    written() {
      if (!filed) return
      recent.clear()
      count = 0
    },
  }
}

/**
 * The events up to the table's checkpoint that touched a row; undefined where there is no index that can be trusted.
 * The empty fold is brought to that checkpoint: with its rows, where it has to go on to `head`.
 */
export async function lookUp(
  { transact }: Database,
  fold: Fold,
  key: Key,
  head: number,
): Promise<readonly number[] | undefined> {
  const { identity } = fold
  const found = await transact(['meta', 'checkpoints', 'rowEvents', 'pages'], 'readonly', (store) => {
    const builds = store('meta').get('builds')
    const found: {
      checkpoint?: IDBRequest<Checkpoint | undefined>
      recent?: IDBRequest<Recent | undefined>
      parts?: IDBRequest<string[]>
      pages?: IDBRequest<Page[]>
    } = {}
    builds.onsuccess = () => {
      const build = builds.result?.[identity] ?? ''
      const part = [identity, build, partOf(key)]
      const checkpoint: IDBRequest<Checkpoint | undefined> = store('checkpoints').get([identity, build])
      found.checkpoint = checkpoint
      found.recent = store('rowEvents').get([identity, build])
      found.parts = store('rowEvents').getAll(IDBKeyRange.bound(part, [...part, []]))
      checkpoint.onsuccess = () => {
        if ((checkpoint.result?.sequence ?? head) < head) found.pages = store('pages').getAll(pagesOf(identity, build))
      }
    }
    return found
  })
  const checkpoint = found.checkpoint?.result
  const recent = found.recent?.result
  if (!checkpoint || recent?.sequence !== checkpoint.sequence) return
  if (!loadPages(fold, checkpoint, found.pages?.result ?? []) && found.pages) {
    fold.clear()
    return
  }
  return unpack([...(found.parts?.result ?? []), recent.rows], key).get(key) ?? []
}

function packed(rows: Iterable<readonly [Key, readonly number[]]>): string {
  const all: (Key | number)[][] = []
  for (const [key, sequences] of rows) {
    const row: (Key | number)[] = [key]
    let before = 0
    for (const sequence of sequences) {
      row.push(sequence - before)
      before = sequence
    }
    all.push(row)
  }
  return JSON.stringify(all)
}

function unpack(texts: readonly string[], only?: Key): Map<Key, number[]> {
  const rows = new Map<Key, number[]>()
  for (const text of texts) {
    for (const [key, ...distances] of JSON.parse(text) as Packed) {
      if (only !== undefined && key !== only) continue
      const sequences = rows.get(key) ?? []
      rows.set(key, sequences)
      let sequence = 0
      for (const distance of distances) sequences.push((sequence += distance))
    }
  }
  return rows
}

/** FNV-1a. `1` and `'1'` may well share a part. */
function partOf(key: Key): number {
  const text = String(key)
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return (hash ^ (hash >>> 16)) & (PARTS - 1)
}
