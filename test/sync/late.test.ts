import { expect, test } from 'vitest'
import type { CommitRecord } from '../../src/log/commit.ts'
import { openDatabase } from '../../src/log/database.ts'
import { packTaken } from '../../src/sync/packTaken.ts'
import { type OutboxState, type OutboxWrite, readKnown, writeOutbox } from '../../src/sync/store.ts'
import { freshName } from '../engine/todos.ts'
import { dump, inDatabase } from '../log/storage.ts'
import { devices } from './devices.ts'

const records = (count: number): CommitRecord[] =>
  Array.from({ length: count }, (_, i) => {
    const command = { id: `c${i}`, at: i, events: [{ type: 'todoAdded', data: { id: `${i}`, title: 'x' } }] }
    return { id: `r${i + 1}`, first: i + 1, last: i + 1, body: JSON.stringify([command]) }
  })

/** What a follower writes when it takes commits, or when it packs the outbox. */
function writing({ marker, newest }: OutboxState, commits: readonly CommitRecord[]): OutboxWrite {
  const { id: last, last: base } = commits.at(-1) ?? { id: marker.last, last: marker.base }
  return {
    outbox: { is: 'new', marker: { n: newest + 1, base, last, generation: marker.generation + 1 }, records: [] },
    commits,
    types: [],
    entries: new Map(),
    rejected: [],
    settled: [],
    sent: [],
    forget: 0,
    position: undefined,
    log: undefined,
  }
}

test.each([
  ['took the same commits', 600],
  ['took no commits', 0],
])('a segment is not written if another follower has rewritten the outbox often and %s', async (_, taken) => {
  const name = freshName()
  const phone = devices().device(name)
  phone.network.set({ offline: true })
  await (await phone.open()).close()
  const database = await openDatabase(name, false)
  // The first follower has packed a take when its page is frozen.
  const known = (await readKnown(database))!
  const packed = await packTaken(database, known.log, 0, records(600))
  expect(packed).toBeDefined()
  let now = known
  for (const some of [records(taken), [], []]) {
    await writeOutbox(database, now, writing(now, some))
    now = (await readKnown(database, now))!
  }
  expect(now.marker).toMatchObject({ base: taken, generation: known.marker.generation + 3 })
  // The second follower has written so often since then that no key of its first writes is left.
  await inDatabase(name, (store) => store('outbox').delete(IDBKeyRange.upperBound(-1)))
  // The first follower continues.
  expect(await writeOutbox(database, known, { ...writing(known, records(600)), packed })).toBeUndefined()
  expect(await dump(name, 'segments')).toEqual([])
  expect(await dump(name, 'bodies')).toEqual([])
  expect(await dump(name, 'commits')).toHaveLength(taken)
  expect((await readKnown(database))?.marker).toEqual(now.marker)
  database.close()
})
