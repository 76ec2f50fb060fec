import { StorageError } from '../errors.ts'
import { randomId } from '../ids.ts'
import { lockName } from '../locks.ts'
import { type Database, type LogIdentity, numberKeyOf, readIdentity } from '../log/database.ts'
import { headOf } from '../log/head.ts'
import { isShared, type Marker } from '../log/local.ts'
import { readAfter } from '../log/read.ts'
import { closeOthers } from '../log/upgrade.ts'
import { withoutRemote } from './withoutRemote.ts'

/** Milliseconds that another tab has to finish taking the same log online. */
const OTHER_TAB_MS = 5000

/**
 * Gives a remote to a log that was begun without one. Its commits stay as they are and are uploaded; new commands go into the outbox. This
 * needs that no other tab has the log open, because that tab would append past the outbox. A tab that is opening the log ends with
 * `EngineClosed('log replaced')`. The change is one transaction, so a tab that is killed leaves the log as before or as after. Throws
 * StorageError if it is not possible; then nothing has changed.
 */
export async function shareLog(database: Database): Promise<LogIdentity> {
  const { name } = database
  const { locks } = globalThis.navigator ?? {}
  if (!locks) throw withoutRemote(name, 'no locks')
  const log = database.log!
  try {
    return await locks.request(
      lockName('restore', name),
      { signal: AbortSignal.timeout(OTHER_TAB_MS) },
      async (): Promise<LogIdentity> => {
        const now = await lookAgain(database, log)
        // Another tab has given the log its remote while this tab opened it.
        if (isShared(now) && now.lineage === log.lineage) return now
        if (now.base) throw withoutRemote(name, 'archived')
        return locks.request(lockName('log', name), { ifAvailable: true }, (lock) => {
          if (!lock) throw withoutRemote(name, 'others')
          return convert(database, now)
        })
      },
    )
  } catch (error) {
    throw error instanceof StorageError ? error : withoutRemote(name, 'others', error)
  }
}

/** Reads the stored identity again, because it may have changed. */
async function lookAgain(database: Database, log: LogIdentity): Promise<LogIdentity> {
  database.log = undefined
  try {
    database.log = await readIdentity(database)
  } finally {
    database.log ??= log
  }
  return database.log
}

/** Runs in the transaction that closes all other connections. Until it ends, no tab can connect to the log. */
async function convert(database: Database, before: LogIdentity): Promise<LogIdentity> {
  const base = await headOf(database)
  const marker: Marker = { n: 0, base, last: await lastCommit(database, base), generation: 0 }
  const { was: _, ...rest } = before
  // The log gets a new id, so that a tab with the earlier log does not write to it.
  const log: LogIdentity = { ...rest, id: randomId(), format: 3 }
  let failure: unknown
  try {
    await closeOthers(database, (store) => {
      const found = store('meta').get('log')
      const segment = store('segments').openKeyCursor(null, 'prev')
      const commit = store('commits').openCursor(null, 'prev')
      commit.onsuccess = () => {
        const { first, last } = commit.result?.value ?? { first: 0, last: 0 }
        const head = first > numberKeyOf(segment) ? last : numberKeyOf(segment)
        if (found.result?.id !== before.id || head !== base) return
        store('outbox').put(marker, marker.n)
        store('meta').put(log, 'log')
      }
    })
  } catch (error) {
    // The request was given up and will change nothing when the browser runs it. A check would wait just as long.
    if (error instanceof StorageError && error.kind === 'blocked') throw error
    failure = error
  }
  // The transaction may have committed although its answer was lost.
  if ((await lookAgain(database, before)).id === log.id) return log
  // The next connection compares the log with the earlier one.
  database.log = before
  database.idb?.close()
  database.idb = undefined
  throw failure ?? withoutRemote(database.name, 'others')
}

/** The id of the commit that ends at the head. */
async function lastCommit(database: Database, head: number): Promise<string> {
  if (!head) return ''
  const { segment, commit } = await database.transact(['segments', 'commits'], 'readonly', (store) => ({
    segment: store('segments').openCursor(null, 'prev'),
    commit: store('commits').openCursor(null, 'prev'),
  }))
  const newest = commit.result?.value
  if (newest?.last === head) return newest.id
  let last = ''
  for await (const records of readAfter(database, (segment.result?.value.first ?? 1) - 1))
    last = records.at(-1)?.id ?? last
  return last
}
