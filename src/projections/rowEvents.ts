import type { Key } from '../data.ts'
import type { Database } from '../log/database.ts'
import type { Checkpoint, FiledRows, Page, RecentRows } from '../log/stores.ts'
import { type Fold, foldCommit } from '../model/fold.ts'
import { stringify } from '../model/json.ts'
import { discardLive, discardPages } from './discard.ts'
import { loadPages, mayBeLost, pagesOf } from './snapshot.ts'
import type { RowIndex, Track } from './track.ts'

/** An index is split by key into this many parts, so that a look-up of one row reads one part. */
const PARTS = 16
/** Every flush writes the recent entries again. Above this many, they are moved to the parts of their keys. */
const RECENT = 4096

const nothing: FiledRows = { keys: '[]', ends: new Uint32Array(), sequences: new Uint32Array(), base: 0 }

/**
 * Opens the index of a track. If the index and the rows have different checkpoints, both are discarded and folded again
 * together.
 */
export async function openIndex(database: Database, track: Track): Promise<void> {
  const { fold, build, stored } = track
  const { identity } = fold
  const result = await readRecent(database, [identity, build])
  const whole = stored === undefined || result?.sequence === stored
  if (!whole) {
    await discardPages(database, [{ identity, build }])
    fold.clear()
    track.stored = undefined
    track.first = 0
    track.failed = undefined
    track.pages.clear()
  }
  track.index = createIndex(track, unpackRows(whole && result ? [result.rows] : []))
}

/** undefined if there is none, or if the browser has lost it. The index is a cache, so it is folded again. */
async function readRecent({ transact }: Database, key: readonly [string, string]): Promise<RecentRows | undefined> {
  try {
    const found = await transact(['rowEvents'], 'readonly', (store) => store('rowEvents').get([...key]))
    return found.result
  } catch (error) {
    if (!mayBeLost(error)) throw error
  }
}

function createIndex({ fold, journal }: Track, recent: ReadonlyMap<Key, readonly number[]>): RowIndex {
  const keys: Key[] = []
  const sequences: number[] = []
  let filed = false

  const note = (key: Key, sequence: number): void => {
    keys.push(key)
    sequences.push(sequence)
  }
  const empty = (length = 0): void => {
    keys.length = sequences.length = length
  }
  for (const [key, row] of recent) for (const sequence of row) note(key, sequence)
  return {
    fold(record, events) {
      const { length } = keys
      let noted = 0
      foldCommit(fold, record, events, journal, ({ sequence }) => {
        for (; noted < journal.length; noted++) note(journal[noted]!.slot.key, sequence)
      })
      // A failed commit leaves nothing behind (rule 1).
      if (fold.sequence !== record.last) empty(length)
    },
    pack() {
      const { sequence } = fold
      filed = keys.length > RECENT
      const parts = packed(keys, sequences, filed)
      const recent: RecentRows = { sequence, rows: (!filed && parts[0]) || nothing }
      const written: [number[], FiledRows | RecentRows][] = [[[], recent]]
      if (filed) for (const [part, rows] of parts.entries()) written.push([[part, sequence], rows])
      return written
    },
    written() {
      if (filed) empty()
    },
  }
}

/**
 * The sequences of the events up to the table's checkpoint that touched a row; undefined if there is no valid index.
 * Moves the empty fold to that checkpoint, and loads its rows if the checkpoint is below `head`, so that the caller can
 * fold on.
 */
export async function lookUpRow(
  database: Database,
  fold: Fold,
  key: Key,
  head: number,
): Promise<readonly number[] | undefined> {
  try {
    return await lookUpStored(database, fold, key, head)
  } catch (error) {
    if (!mayBeLost(error)) throw error
    fold.clear()
    // The pipeline finds its checkpoint missing and folds rows and index again.
    await discardLive(database, fold.identity)
  }
}

async function lookUpStored(
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
      recent?: IDBRequest<RecentRows | undefined>
      parts?: IDBRequest<FiledRows[]>
      pages?: IDBRequest<Page[]>
    } = {}
    builds.onsuccess = () => {
      const build = builds.result?.[identity] ?? ''
      const part = [identity, build, partOf(key)]
      const checkpoint = store('checkpoints').get([identity, build])
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
  return unpackRows([...(found.parts?.result ?? []), recent.rows], key).get(key) ?? []
}

/**
 * Packs entries by row, into one part, or into the parts of their keys if `filed`. Counts the entries of each row
 * first, so that each sequence is written to its final place.
 */
function packed(keys: readonly Key[], sequences: readonly number[], filed: boolean): FiledRows[] {
  /** The number of each row, in the order of their first entries. */
  const numbers = new Map<Key, number>()
  const counts: number[] = []
  const rowOf = new Uint32Array(keys.length)
  let base = Infinity
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i]!
    let row = numbers.get(key)
    if (row === undefined) {
      row = counts.push(0) - 1
      numbers.set(key, row)
    }
    rowOf[i] = row
    counts[row]!++
    base = Math.min(base, sequences[i]!)
  }
  const parts: { keys: Key[]; ends: number[]; length: number }[] = []
  const partOfRow = new Uint8Array(counts.length)
  const place = new Uint32Array(counts.length)
  for (const [key, row] of numbers) {
    const n = filed ? partOf(key) : 0
    parts[n] ??= { keys: [], ends: [], length: 0 }
    const part = parts[n]
    partOfRow[row] = n
    place[row] = part.length
    part.length += counts[row]!
    part.keys.push(key)
    part.ends.push(part.length)
  }
  const made = parts.map(({ keys, ends, length }) => ({
    keys: stringify(keys),
    ends: Uint32Array.from(ends),
    sequences: new Uint32Array(length),
    base,
  }))
  for (let i = 0; i < rowOf.length; i++) {
    const row = rowOf[i]!
    const part = made[partOfRow[row]!]!
    part.sequences[place[row]!++] = sequences[i]! - base
  }
  return made
}

function unpackRows(all: readonly FiledRows[], only?: Key): Map<Key, number[]> {
  const rows = new Map<Key, number[]>()
  for (const { keys, ends, sequences, base } of all) {
    // Most parts of a long log do not have the key. Searching the text finds that out without parsing it.
    if (only !== undefined && !keys.includes(stringify(only))) continue
    const filed: Key[] = JSON.parse(keys)
    filed.forEach((key, i) => {
      if (only !== undefined && key !== only) return
      const row = rows.get(key) ?? []
      rows.set(key, row)
      for (let at = i ? ends[i - 1]! : 0; at < ends[i]!; at++) row.push(base + sequences[at]!)
    })
  }
  return rows
}

/** The part of a key, by an FNV-1a hash. The keys `1` and `'1'` share a part. */
function partOf(key: Key): number {
  const text = String(key)
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return (hash ^ (hash >>> 16)) & (PARTS - 1)
}
