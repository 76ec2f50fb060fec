import { mirrorPlaceOf } from '../../copies/mirrorPlace.ts'
import { removeMirror } from '../../copies/removeMirror.ts'
import { EngineClosed, StorageError } from '../../errors.ts'
import { databaseName, deleteDatabase } from '../../log/connection.ts'
import { type Database, openDatabase, readIdentity } from '../../log/database.ts'
import { holdsRowsOf } from '../../projections/formerTable.ts'
import { notedTables, tableDatabaseNames } from '../../projections/tableList.ts'
import type { Engine } from '../types.ts'
import { openCore, type Watch } from './openCore.ts'

/** The second argument of `destroy`. */
export interface DestroyOptions extends Pick<Watch, 'onProgress'> {
  /** `'discard'`: destroys the log even if this device has commands that the remote has not ordered. They are lost. */
  readonly unsent?: 'discard' | undefined
}

/**
 * Logs out: closes this log in every tab (`EngineClosed('destroyed')`) and deletes its mirror, then the log and everything derived from it.
 * @example
 * ```ts
 * await destroy(engine)
 * ```
 *
 * Resolves when it is deleted. A frozen tab, an extension or the developer tools may keep it open. Then `onProgress` gets the phase
 * `'blocked'`, and after 30 seconds the call rejects with `StorageError('blocked')`. The browser deletes the log when they are closed.
 * After any other `StorageError`, open the log and call `destroy` again. If the log has a remote and this device has commands that it has
 * not sent, the call rejects with `StorageError('aborted')` and deletes nothing, unless `unsent` is `'discard'`.
 */
export async function destroy(
  engine: Engine<any, any, any>,
  { onProgress, unsent }: DestroyOptions = {},
): Promise<void> {
  const core = openCore(engine)
  const { database, name, layer } = core
  if (layer?.length && unsent !== 'discard') throw notSent(name, layer.length)
  const tables = database ? await tablesOf(database) : []
  const place = database ? await mirrorPlaceOf(database) : false
  core.channel?.post({ log: core.logId, destroyed: true })
  await core.end(new EngineClosed('destroyed'))
  if (!database) return
  const { log: known } = database
  const blocked = (): void => onProgress?.({ phase: 'blocked', done: 0, total: 1 })
  try {
    // The mirror goes first: a boot that finds a mirror but no database would restore the log.
    await removeMirror(name, place, removeLog, async () => (await find().catch(() => 'this')) === 'another')
  } catch (error) {
    if (error instanceof StorageError) throw error
    throw new StorageError('unknown', `The second copy of "${name}" could not be removed: ${error}`, error)
  }

  async function removeLog(): Promise<void> {
    // If a new log has this name, deletes only tables, which are derived and made again.
    const names = (await find().catch(() => 'this')) === 'this' ? [databaseName(name), ...tables] : tables
    const deletions = names.map((one) => deleteDatabase(one, blocked))
    // Waits for all of them: a deletion that is blocked must not keep the others from ending.
    await Promise.allSettled(deletions)
    await Promise.all(deletions)
  }

  /**
   * Finds out which log has this name now. `'none'`: there is no log, or a new one without events (format 0). `'this'`: this log, also if
   * another tab has restored it, or a database that holds no log. If the log can't be read, callers treat it as this one.
   */
  async function find(): Promise<'this' | 'none' | 'another'> {
    const found = await openDatabase(name, false, blocked)
    try {
      if (!found.idb) return 'none'
      const log = await readIdentity(found)
      if (!log || log.id === known?.id || (log.restored && log.lineage === known?.lineage)) return 'this'
      return log.format ? 'another' : 'none'
    } finally {
      found.close()
    }
  }
}

/** The names of the databases of this log's on-disk tables. */
async function tablesOf(database: Database): Promise<string[]> {
  const tables: string[] = []
  for (const identity of await notedTables(database)) {
    const [name, ...former] = tableDatabaseNames(database.name, identity)
    tables.push(name)
    for (const one of former) if (await holdsRowsOf(database, one)) tables.push(one)
  }
  return tables
}

const notSent = (name: string, count: number): StorageError =>
  new StorageError(
    'aborted',
    `${count} ${count === 1 ? 'command' : 'commands'} of "${name}" on this device ${count === 1 ? 'is' : 'are'} not sent yet. Nothing was ` +
      "deleted. Wait until status.sync.pending is 0, or call destroy(engine, { unsent: 'discard' })",
  )
