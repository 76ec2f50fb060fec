import { placeOf } from '../../copies/files.ts'
import { removeMirror } from '../../copies/removeMirror.ts'
import { EngineClosed, StorageError } from '../../errors.ts'
import { tableDatabases } from '../../projections/tableList.ts'
import type { Engine } from '../types.ts'
import { inside } from './inside.ts'

/**
 * Logs out: closes this log in every tab (`EngineClosed('destroyed')`) and deletes it, its mirror first, with all that was made of it.
 * @example
 * await destroy(engine)
 *
 * Resolves when it is deleted; a frozen tab that has the log open holds that up until it wakes or is closed.
 */
export async function destroy(engine: Engine<any, any, any>): Promise<void> {
  const core = inside(engine)
  const tables = core.database ? await tableDatabases(core.database) : []
  const place = core.database ? await placeOf(core.database) : false
  core.channel?.post({ log: core.logId, destroyed: true })
  await core.end(new EngineClosed('destroyed'))
  if (!core.database) return
  // Whoever finds no database must find no mirror, either: it would be restored.
  await removeMirror(core.name, place, async () => {
    for (const name of [`tidemark:${core.name}`, ...tables]) await deleteDatabase(name)
  })
}

const deleteDatabase = (name: string): Promise<void> =>
  new Promise((resolve, reject) => {
    const request = indexedDB.deleteDatabase(name)
    request.onsuccess = () => resolve()
    request.onerror = () =>
      reject(new StorageError('unknown', `"${name}" was not deleted: ${request.error}`, request.error))
  })
