import type { Key } from '../data.ts'
import { openTable } from '../engine/tools/openTable.ts'
import type { ListedRow } from './rowList.ts'
import type { Session } from './session.ts'

/** The most rows of an on-disk table that are listed. */
const DISK_ROWS_MAX = 2000

/** The first rows of an on-disk table, or the rows whose key is this text or number. */
export async function diskRows(
  { engine, core }: Session,
  projection: string,
  text: string,
): Promise<readonly ListedRow[]> {
  const { into } = core.model.projections[projection] ?? {}
  if (into?.kind !== 'table') return []
  const table = await openTable<any, any>(engine, projection)
  const key = text.trim()
  const rows = key
    ? await table.bulkGet(Number.isFinite(Number(key)) ? [key, Number(key)] : [key])
    : await table.limit(DISK_ROWS_MAX).toArray()
  // A removed row is undefined.
  return (rows as (Record<string, Key> | undefined)[]).flatMap((row) => (row ? [{ key: row[into.key]!, row }] : []))
}
