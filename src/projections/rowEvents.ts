import type { Key } from '../data.ts'
import type { Database } from '../log/database.ts'
import type { Checkpoint, FiledRows, Page, RecentRows } from '../log/stores.ts'
import { type Fold, foldCommit } from '../model/fold.ts'
import { stringify } from '../model/json.ts'
import { discardLive, discardPages } from './discard.ts'
import { loadPages, mayBeLost, pagesOf } from './snapshot.ts'
import type { RowIndex, Track } from './track.ts'

/** Parts that an index is split into by key: who looks for one row reads one part. */
const PARTS = 16
/** Entries that every flush writes again, until there are so many that they are filed under the parts of their keys. */
const RECENT = 4096

const nothing: FiledRows = { keys: '[]', ends: new Uint32Array(), sequences: new Uint32Array(), base: 0 }

/** Gives a track its index. Where that does not stand where the rows do, the track starts over: the index is folded with them. */
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

/** undefined if there is none, or if the browser has lost it: a cache is made again. */
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
      // Of a commit that failed nothing stands (rule 1).
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
 * The events up to the table's checkpoint that touched a row; undefined where there is no index that can be trusted.
 * The empty fold is brought to that checkpoint: with its rows, where it has to go on to `head`.
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
    // The pipeline finds its checkpoint gone and makes rows and index again.
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

/** Entries by row: one part, or as many as their keys are filed under. Counted first, so that each list has its place at once. */
function packed(keys: readonly Key[], sequences: readonly number[], filed: boolean): FiledRows[] {
  /** FiledRows in the order of their first entry. */
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
    // Most parts of a long log say nothing of a row: a look at the text is enough.
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

/** FNV-1a. `1` and `'1'` may well share a part. */
function partOf(key: Key): number {
  const text = String(key)
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return (hash ^ (hash >>> 16)) & (PARTS - 1)
}
