import type { Key } from '../../data.ts'
import { eventsOf } from '../../log/commit.ts'
import type { Database } from '../../log/database.ts'
import { readAfter } from '../../log/read.ts'
import { type Fold, foldCommit } from '../../model/fold.ts'
import { rowsEqual } from '../../model/isEqual.ts'
import { createFolds, onDiskFolds } from '../../model/model.ts'
import { loadBases } from '../../projections/base.ts'
import { holdsRowsOf } from '../../projections/formerTable.ts'
import { readSnapshot } from '../../projections/snapshot.ts'
import { notedTables, tableDatabaseNames } from '../../projections/tableList.ts'
import { type Breather, createBreather } from '../../slices.ts'
import type { Core } from '../core.ts'
import type { Engine } from '../types.ts'
import { openCore, type Watch } from './openCore.ts'
import { readTable } from './readTable.ts'

/** A row (or a value, with key 0) whose persisted state differs from the fold of the log. undefined: the row is missing there. */
export interface Difference<P> {
  readonly projection: keyof P & string
  readonly key: Key
  readonly persisted: unknown
  readonly folded: unknown
}

interface Persisted {
  readonly name: string
  /** The last event that was folded into it. */
  readonly sequence: number
  /** `n` is the insertion number, if it is stored. */
  readonly rows: ReadonlyMap<Key, { readonly n?: number; readonly row: unknown }>
  readonly folded: Fold
}

/**
 * Compares what is persisted of each projection with a fold of the log up to the same event, and names the differences.
 * @example
 * ```ts
 * const differences = await verify(engine)
 * if (differences.length) await engine.rebuild()
 * ```
 *
 * The result is empty if there is no difference, and always in memory. It only reads. It names equal rows in another order, too. An archived
 * log is folded from its base. Rejects with `CorruptLog`, `OutdatedCodeError`, `StorageError`, `EngineClosed` and the signal's reason.
 */
export async function verify<P>(
  engine: Engine<any, P, any>,
  { signal, onProgress }: Watch = {},
): Promise<readonly Difference<P>[]> {
  const core = openCore(engine)
  signal?.throwIfAborted()
  const { database, types } = core
  if (!database) return []
  const all = [...(await inPages(core, database)), ...(await persistedOnDisk(core, database, signal))]
  await loadBases(
    database,
    all.map(({ folded }) => folded),
  )
  const total = Math.max(0, ...all.map(({ sequence }) => sequence))
  const breather = createBreather(signal)
  for await (const records of readAfter(database, database.log?.base ?? 0, signal)) {
    for (const record of records) {
      if (record.last > total) break
      const events = eventsOf(record, types)
      for (const { folded, sequence } of all) if (record.last <= sequence) foldCommit(folded, record, events, [])
      if (breather.isDue) await breather.rest()
    }
    const last = records.at(-1)?.last ?? total
    onProgress?.({ phase: 'verify', done: Math.min(total, last), total })
    if (last >= total) break
  }
  const found: Difference<P>[] = []
  for (const one of all) for await (const difference of differences<P>(one, breather)) found.push(difference)
  return found
}

async function inPages({ model }: Core, database: Database): Promise<Persisted[]> {
  const folds = createFolds(model)
  const fresh = createFolds(model)
  const { checkpoints, discarded } = await readSnapshot(database, folds)
  return folds.flatMap((fold, i) => {
    const stored = checkpoints.get(fold.identity) ?? discarded.find(({ identity }) => identity === fold.identity)
    if (!stored) return []
    // Pages that can't be loaded hold no row.
    const slots = checkpoints.has(fold.identity)
      ? Array.from(fold.slots, ({ key, n, row }) => [key, { n, row }] as const)
      : []
    return { name: fold.name, sequence: stored.sequence, rows: new Map(slots), folded: fresh[i]! }
  })
}

/** Reads the on-disk tables that are noted in the log's database. A table that was not made yet is left out. */
async function persistedOnDisk(
  { model }: Core,
  database: Database,
  signal: AbortSignal | undefined,
): Promise<Persisted[]> {
  const noted = await notedTables(database)
  const all: Persisted[] = []
  for (const folded of onDiskFolds(model)) {
    if (!noted.includes(folded.identity)) continue
    const [name, former] = tableDatabaseNames(database.name, folded.identity)
    const isFormer = former !== undefined && (await holdsRowsOf(database, former))
    const stored = await readTable(isFormer ? former : name, signal)
    if (!stored) continue
    const { key } = folded.definition.into
    const rows = new Map(stored.rows.map((row: any) => [row[key!], { row }]))
    all.push({ name: folded.name, sequence: stored.checkpoint.sequence, rows, folded })
  }
  return all
}

async function* differences<P>(
  { name, rows, folded }: Persisted,
  breather: Breather,
): AsyncGenerator<Difference<P>, void> {
  // The folds are the model's.
  const projection = name as keyof P & string
  const unseenRows = new Map(rows)
  for (const { key, n, row } of folded.slots) {
    const stored = unseenRows.get(key)
    unseenRows.delete(key)
    const isSame = stored && (stored.n ?? n) === n && rowsEqual(stored.row, row)
    if (!isSame) yield { projection, key, persisted: stored?.row, folded: row }
    if (breather.isDue) await breather.rest()
  }
  for (const [key, { row }] of unseenRows) yield { projection, key, persisted: row, folded: undefined }
}
