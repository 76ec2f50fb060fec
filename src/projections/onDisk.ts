import { CorruptLog, ProjectionFailed, StorageError } from '../errors.ts'
import { eventsOf } from '../log/commit.ts'
import { headOf } from '../log/head.ts'
import { readAfter } from '../log/read.ts'
import { recordsAt } from '../log/recordsAt.ts'
import { fromWire, toWire, type WireError } from '../log/wire.ts'
import { eventTypes } from '../model/events.ts'
import type { Fold } from '../model/fold.ts'
import { createQueue } from '../queue.ts'
import { loadBases } from './base.ts'
import { foldOnDisk } from './foldOnDisk.ts'
import { openTableDatabase, orLost, type TableDatabase } from './tableDatabase.ts'
import type { TableCheckpoint } from './tableList.ts'
import type { OnDiskTables, Tables, Workshop } from './workshop.ts'

/** Attempts to read a table: the first, a second one as it is, and a third one after it was emptied. */
const READ_TABLE_TRIES = 3
/** Milliseconds that events wait for more, so that they are folded together. */
const TABLES_DELAY_MS = 250

/** One on-disk table as a pipeline keeps it in memory: its checkpoint, without its rows. */
interface Follower {
  readonly fold: Fold
  /** undefined until the table's checkpoint was compared with the log. */
  database: TableDatabase | undefined
}

/** The code of on-disk tables that needs Dexie. A page loads it, and a worker's script passes it in. */
export const onDisk: Tables = { followLog: followTables, open: openTableDatabase }

function followTables(shop: Workshop, folds: readonly Fold[]): OnDiskTables {
  const { closing } = shop
  const followers: Follower[] = folds.map((fold) => ({ fold, database: undefined }))
  const queue = createQueue()
  let timer: ReturnType<typeof setTimeout> | undefined

  async function followAll(): Promise<void> {
    for (const follower of followers) await followTable(shop, follower, closing)
  }

  function catchUp(): Promise<void> {
    clearTimeout(timer)
    timer = undefined
    return queue.join(followAll)
  }

  function soon(): void {
    if (!closing.aborted) timer ??= setTimeout(() => catchUp().catch(() => {}), TABLES_DELAY_MS)
  }

  const end = (): void => {
    clearTimeout(timer)
    for (const { database } of followers) database?.dexie.close()
  }
  closing.addEventListener('abort', end, { once: true })
  soon()
  return {
    hear(hint) {
      if ('commit' in hint || 'head' in hint) soon()
    },
    async flush() {
      await catchUp()
      return Object.fromEntries(followers.map(({ fold }) => [fold.identity, standing(fold)]))
    },
    stored: () => followers.flatMap(({ fold, database }) => (fold.failed ? [] : database ? fold.sequence : 0)),
    rebuild: (names, signal) =>
      queue.run(async () => {
        for (const follower of followers) {
          if (!names.includes(follower.fold.name)) continue
          await emptyTable(shop, follower)
          await followTable(shop, follower, signal)
        }
      }),
  }
}

/** The checkpoint of a table, or the error that it failed with. */
const standing = ({ failed, sequence }: Fold): number | WireError => (failed ? toWire(failed) : sequence)

/**
 * Folds the log into one table, to the log's end. A table is a cache, so one that the browser can't read is emptied and
 * folded again.
 */
async function followTable(shop: Workshop, follower: Follower, signal: AbortSignal): Promise<void> {
  const { fold } = follower
  for (let tries = 1; ; tries++) {
    try {
      await followToEnd(shop, follower, signal)
      break
    } catch (error) {
      // The fold in memory may be ahead of the rows on disk, so it is loaded again.
      follower.database?.dexie.close()
      follower.database = undefined
      signal.throwIfAborted()
      if (error instanceof ProjectionFailed) await storeFailure(shop, follower, error)
      else if (!(error instanceof StorageError && error.kind === 'lost') || tries === READ_TABLE_TRIES)
        throw asOurs(error)
      else if (tries === READ_TABLE_TRIES - 1) {
        shop.post({ error: toWire(error) })
        await emptyTable(shop, follower)
      }
    }
  }
  shop.post({ projected: { [fold.identity]: standing(fold) } })
}

async function followToEnd(shop: Workshop, follower: Follower, signal: AbortSignal): Promise<void> {
  const { fold } = follower
  const { database, model } = shop
  const types = eventTypes(model.events)
  const report = (done: number, total: number): void =>
    shop.post({ progress: { phase: 'rebuild', done, total }, projections: [fold.name] })
  let total = 0
  try {
    for (let wasOvertaken = true; wasOvertaken && !fold.failed; ) {
      const { rows, checkpoint, dexie } = await openFollowedTable(shop, follower)
      wasOvertaken = false
      if (fold.failed) break
      for await (const records of readAfter(database, fold.sequence, signal)) {
        const decoded = records.map((record) => [record, eventsOf(record, types)] as const)
        await dexie.transaction('rw', rows, checkpoint, async () => {
          // Another pipeline has written, so the fold in memory does not match the rows any more (rule 15).
          const stored = (await orLost(checkpoint.get(0))) ?? { sequence: 0, commit: '' }
          wasOvertaken = stored.sequence !== fold.sequence
          if (wasOvertaken) return
          const commit = (await foldOnDisk(fold, rows, decoded)) ?? stored.commit
          const { failed, sequence } = fold
          const lineage = database.log?.lineage ?? ''
          await checkpoint.put({ sequence, lineage, commit, ...(failed && { failed: toWire(failed) }) }, 0)
        })
        if (wasOvertaken) follower.database = undefined
        if (wasOvertaken || fold.failed) break
        // Progress is reported only if one batch was not enough.
        if (!total) total = await headOf(database)
        if (fold.sequence < total) report(fold.sequence, total)
      }
    }
  } finally {
    if (total) report(total, total)
  }
}

/**
 * Opens a table's database. Keeps its rows only if the log still holds the commit that they were folded up to (rule
 * 18).
 */
async function openFollowedTable(shop: Workshop, follower: Follower): Promise<TableDatabase> {
  const { fold } = follower
  if (follower.database?.dexie.isOpen()) return follower.database
  const opened = await openAlive(shop, fold)
  try {
    const stored = await orLost(opened.checkpoint.get(0))
    fold.clear()
    if (stored ? !(await stands(shop, stored)) : shop.database.log?.base) await startOver(shop, opened, fold)
    else if (stored) {
      fold.sequence = stored.sequence
      // Only ProjectionFailed is stored in this field.
      if (stored.failed) fold.failed = fromWire(stored.failed) as ProjectionFailed
    }
  } catch (error) {
    opened.dexie.close()
    throw error
  }
  const base = shop.database.log?.base ?? 0
  if (fold.sequence < base && !fold.failed)
    fold.failed = new ProjectionFailed(
      fold.name,
      base,
      new Error(
        `archived: events 1 to ${base} are not in this log. Import the archive files and an export into a new log to build it.`,
      ),
    )
  follower.database = opened
  return opened
}

async function openAlive({ database, closing }: Workshop, fold: Fold): Promise<TableDatabase> {
  const opened = await openTableDatabase(database, fold)
  if (!closing.aborted) return opened
  opened.dexie.close()
  throw closing.reason
}

/** Stores the failure of a table whose rows the database refuses. The rows stored before are kept. */
async function storeFailure(shop: Workshop, follower: Follower, failure: ProjectionFailed): Promise<void> {
  const { fold } = follower
  const opened = await openAlive(shop, fold)
  const { dexie, checkpoint } = opened
  let sequence = 0
  await dexie.transaction('rw', checkpoint, async () => {
    const stored = await checkpoint.get(0)
    sequence = stored?.sequence ?? 0
    const lineage = shop.database.log?.lineage ?? ''
    await checkpoint.put({ sequence: 0, lineage, commit: '', ...stored, failed: toWire(failure) }, 0)
  })
  fold.clear()
  fold.sequence = sequence
  fold.failed = failure
  follower.database = opened
}

/** Empties a table without reading it. An open database stays open. */
async function emptyTable(shop: Workshop, follower: Follower): Promise<void> {
  const { fold, database } = follower
  const opened = database?.dexie.isOpen() ? database : await openAlive(shop, fold)
  follower.database = opened
  await startOver(shop, opened, fold)
}

/** Whether the log still holds the commit that a table was folded up to. */
async function stands({ database }: Workshop, { sequence, lineage, commit }: TableCheckpoint): Promise<boolean> {
  if (!sequence) return true
  if (lineage !== database.log?.lineage) return false
  const { base = 0, commit: last = '' } = database.log
  if (sequence <= base) return sequence === base && commit === last
  try {
    for await (const { id, last } of recordsAt(database, [sequence])) return id === commit && last === sequence
  } catch (error) {
    if (!(error instanceof CorruptLog)) throw error
  }
  return false
}

/** Empties a table. In an archived log it is then filled from the base. */
async function startOver(
  { database }: Workshop,
  { dexie, rows, checkpoint }: TableDatabase,
  fold: Fold,
): Promise<void> {
  fold.clear()
  await loadBases(database, [fold])
  const { sequence, failed } = fold
  const { lineage = '', commit = '' } = database.log ?? {}
  await dexie.transaction('rw', rows, checkpoint, async () => {
    await rows.clear()
    await checkpoint.clear()
    if (!sequence) return
    await rows.bulkPut(Array.from(fold.slots, ({ row }) => row))
    await checkpoint.put({ sequence, lineage, commit, ...(failed && { failed: toWire(failed) }) }, 0)
  })
  fold.clear()
  fold.sequence = sequence
  fold.failed = failed
}

/** Turns an error of Dexie into a StorageError, if it is about space or the connection. */
function asOurs(error: unknown): unknown {
  // `inner` is the browser's error.
  const { name, inner, message } = error as { name?: string; inner?: { name?: string }; message?: string }
  if (name === 'QuotaExceededError' || inner?.name === 'QuotaExceededError')
    return new StorageError('quota', message, error)
  if (name === 'DatabaseClosedError' || name === 'InvalidStateError' || name === 'AbortError')
    return new StorageError('closed', message, error)
  return error
}
