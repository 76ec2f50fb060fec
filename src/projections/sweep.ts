import type { Database } from '../log/database.ts'
import { deletePages } from './discard.ts'
import { holdName } from './hold.ts'
import { deleteTableDatabase } from './tableList.ts'

/**
 * Deletes rows that nobody holds (rule 16): versions that are not in `mine`, and builds that no rebuild works on. A
 * build is deleted only if its checkpoint is the same as at the last sweep (`seen`), because the next rebuild can
 * resume a build whose worker died.
 */
export async function sweepTables(
  database: Database,
  mine: readonly string[],
  seen: Map<string, number>,
): Promise<void> {
  const { name, transact } = database
  const locks = globalThis.navigator?.locks
  if (!locks) return
  const found = await transact(['checkpoints', 'meta'], 'readonly', (store) => ({
    checkpoints: store('checkpoints').getAll(),
    builds: store('meta').get('builds'),
    tables: store('meta').get('tables'),
  }))
  const checkpoints = found.checkpoints.result.filter((one) => typeof one?.identity === 'string')
  const builds = found.builds.result ?? {}
  const tables = found.tables.result ?? []
  const alone = (lock: string, task: () => Promise<void>): Promise<void> =>
    locks.request(lock, { ifAvailable: true }, async (granted) => {
      if (granted) await task()
    })

  const others = new Set([...checkpoints.map(({ identity }) => identity), ...Object.keys(builds), ...tables])
  for (const identity of mine) others.delete(identity)
  for (const identity of others) {
    await alone(holdName(name, identity), async () => {
      await transact(['checkpoints', 'pages', 'rowEvents', 'meta'], 'readwrite', (store) => {
        const all = store('checkpoints').getAll()
        const builds = store('meta').get('builds')
        builds.onsuccess = () => {
          // Pages are deleted with their checkpoint, also those of a build that started after the first read.
          for (const one of all.result) if (one?.identity === identity) deletePages(store, identity, one.build)
          const { [identity]: _, ...rest } = builds.result ?? {}
          if (identity in (builds.result ?? {})) store('meta').put(rest, 'builds')
        }
      })
      if (tables.includes(identity)) await deleteTableDatabase(database, identity)
    })
  }
  for (const { identity, build, sequence } of checkpoints) {
    if (others.has(identity) || !build || build === builds[identity]) continue
    const lock = holdName(name, identity, build)
    const before = seen.get(lock)
    seen.set(lock, sequence)
    if (before !== sequence) continue
    await alone(lock, () =>
      transact(['checkpoints', 'pages', 'rowEvents', 'meta'], 'readwrite', (store) => {
        const builds = store('meta').get('builds')
        builds.onsuccess = () => {
          if (builds.result?.[identity] !== build) deletePages(store, identity, build)
        }
      }),
    )
  }
}
