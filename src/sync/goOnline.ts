import { StorageError } from '../errors.ts'
import { randomId } from '../ids.ts'
import { lockName } from '../locks.ts'
import { type Database, type LogIdentity, numberKeyOf, readIdentity } from '../log/database.ts'
import { headOf } from '../log/head.ts'
import { isShared, type Marker } from '../log/local.ts'
import { readAfter } from '../log/read.ts'
import { closeOthers } from '../log/upgrade.ts'
import { withoutRemote } from './withoutRemote.ts'

/** Milliseconds in which another tab that takes the same log online has to be done. */
const OTHER_TAB_MS = 5000

/**
 * A log that was begun without a remote has one from now on: what is in it stays as it is, and is uploaded; what comes goes into the
 * outbox. Only while no other tab has the log open, because that would append past the outbox; a tab that is on the way to open it ends with
 * `EngineClosed('log replaced')`. One transaction makes it: a tab that is killed at any moment leaves one or the other. Throws StorageError
 * if something is in the way; then nothing has changed.
 */
export async function goOnline(database: Database): Promise<LogIdentity> {
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
        // Another tab has done it while this one opened.
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

/** The identity as it is now, also if that is another one. */
async function lookAgain(database: Database, log: LogIdentity): Promise<LogIdentity> {
  database.log = undefined
  try {
    database.log = await readIdentity(database)
  } finally {
    database.log ??= log
  }
  return database.log
}

/** In the transaction that closes all other connections: until it is over, no tab can connect to the log as it was. */
async function convert(database: Database, before: LogIdentity): Promise<LogIdentity> {
  const base = await headOf(database)
  const marker: Marker = { n: 0, base, last: await lastCommit(database, base), generation: 0 }
  const { was: _, ...rest } = before
  // Under another id: a tab that still holds the log as it was does not belong to it.
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
    // Given up: whenever the browser comes to it, it changes nothing. A look would wait as long once more.
    if (error instanceof StorageError && error.kind === 'blocked') throw error
    failure = error
  }
  // The answer may be lost, not the transaction.
  if ((await lookAgain(database, before)).id === log.id) return log
  // The next connection is compared with the log as it was.
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
