import type { Table } from 'dexie'
import type { Key } from '../../data.ts'
import { ModelError, StorageError } from '../../errors.ts'
import type { OnDisk, Projection } from '../../model/projection.ts'
import { tablesPart } from '../../projections/tablesPart.ts'
import type { Core } from '../core.ts'
import type { Engine } from '../types.ts'
import { openCore } from './openCore.ts'

const open = new WeakMap<Core, Map<string, Promise<Table>>>()

/**
 * An on-disk table as Dexie's `Table`, for its queries and `liveQuery`. Its rows are at least as new as `status.sequence` at the call.
 * @example
 * ```ts
 * const search = await openTable(engine, 'search')
 * await search.where('title').startsWith('Buy').limit(100).toArray()
 * ```
 *
 * Only read it: the rows are a fold of the log, and anything that you write there is lost with the next rebuild. After a dispatch,
 * `await engine.projected(sequence)` waits until its rows are stored. The table closes with the engine. Rejects with
 * `ProjectionFailed` if the projection has failed, and with `StorageError('unavailable')` in memory.
 */
export async function openTable<P, K extends keyof P & string>(
  engine: Engine<any, P, any>,
  projection: P[K] extends Projection<OnDisk<any>> ? K : never,
): Promise<P[K] extends Projection<OnDisk<infer Row>> ? Table<Row, Key> : never> {
  const core = openCore(engine)
  const { database, ended, model } = core
  if (model.projections[projection]?.into.resident !== false)
    throw new ModelError(
      `openTable: "${projection}" is not an on-disk table of this model. Read other tables through engine.read`,
    )
  const fold = core.projections.find(({ name }) => name === projection)
  if (!database || !fold)
    throw new StorageError(
      'unavailable',
      `openTable: the log of "${core.name}" is in memory, and "${projection}" is a table on disk. Open it on IndexedDB`,
    )
  await engine.projected()
  if (fold.failed) throw fold.failed
  const tables = open.get(core) ?? new Map<string, Promise<Table>>()
  open.set(core, tables)
  const openRows = async (): Promise<Table> => {
    const { open: openDatabase } = await tablesPart.load(ended)
    const { dexie, rows } = await openDatabase(database, fold)
    const end = (): void => {
      tables.delete(projection)
      dexie.close()
    }
    // Another tab or worker deletes or rebuilds the table. The next call opens it again.
    dexie.on('close', () => tables.delete(projection))
    ended.addEventListener('abort', end)
    if (ended.aborted) end()
    return rows
  }
  const table = tables.get(projection) ?? openRows()
  tables.set(projection, table)
  table.catch(() => tables.delete(projection))
  // Its rows are of the table of that name in the model.
  return table as never
}
