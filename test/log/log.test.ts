import { forceCloseDatabase } from 'fake-indexeddb'
import { defineEvents, event } from 'tidemark'
import { describe, expect, test } from 'vitest'
import { freshName } from '../engine/todos.ts'
import {
  appendInside,
  type CommandEntry,
  type CommitRecord,
  createLog,
  createMemoryLog,
  eventsOf,
  eventTypes,
  type Log,
  openDatabase,
  readSegment,
  seal,
} from './rooms.ts'
import { answerLate, dump, inDatabase, watchTraffic } from './storage.ts'

/** A commit of one command with this many events. */
const commit = (first: number, events = 1, id = `c${first}`): CommitRecord => ({
  id,
  first,
  last: first + events - 1,
  body: JSON.stringify([{ id: `command-${id}`, at: 1, events: Array.from({ length: events }, () => ({ type: 'x' })) }]),
})
const beside = (...entries: (readonly [string, CommandEntry])[]) => ({
  types: [],
  entries,
  durability: 'relaxed' as const,
})
const entry = ({ id, last }: CommitRecord): CommandEntry => ({ sequence: last, commit: id, fingerprint: 'f' })

async function records(log: Log, after = 0): Promise<CommitRecord[]> {
  const all: CommitRecord[] = []
  for await (const batch of log.readAfter(after)) all.push(...batch)
  return all
}

async function open(): Promise<{ log: Log; name: string; database: Awaited<ReturnType<typeof openDatabase>> }> {
  const name = freshName()
  const database = await openDatabase(name)
  return { log: createLog(database, async () => ({ appendInside, readSegment })), name, database }
}

describe.each([
  ['IndexedDB', async () => (await open()).log],
  ['memory', async () => createMemoryLog()],
])('the log over %s', (_, create) => {
  test('gives back what was appended, in order', async () => {
    const log = await create()
    expect(await log.append(commit(1, 3), beside())).toBe('appended')
    expect(await log.append(commit(4), beside())).toBe('appended')
    expect(await records(log)).toEqual([commit(1, 3), commit(4)])
  })

  test('an empty log has nothing to read', async () => {
    const log = await create()
    expect(await records(log)).toEqual([])
    expect((await log.checkHead(0, ['id'])).raced).toBe(false)
  })

  test('the second writer at one head is refused and leaves nothing', async () => {
    const log = await create()
    await log.append(commit(1), beside())
    const late = commit(1, 2, 'late')
    expect(await log.append(late, beside(['mine', entry(late)]))).toBe('raced')
    expect(await records(log)).toEqual([commit(1)])
    expect((await log.checkHead(1, ['mine'])).entries.size).toBe(0)
  })

  test('a command id that is in the log refuses the whole record and names the id', async () => {
    const log = await create()
    const first = commit(1)
    await log.append(first, beside(['a', entry(first)]))
    const second = commit(2)
    expect(await log.append(second, beside(['b', entry(second)], ['a', entry(second)]))).toEqual({ taken: 'a' })
    expect(await records(log)).toEqual([first])
    const { entries, raced } = await log.checkHead(1, ['a', 'b'])
    expect([...entries]).toEqual([['a', entry(first)]])
    expect(raced).toBe(false)
  })

  test('a lost race counts before a taken id', async () => {
    const log = await create()
    const first = commit(1)
    await log.append(first, beside(['a', entry(first)]))
    expect(await log.append(commit(1, 1, 'again'), beside(['a', entry(first)]))).toBe('raced')
  })

  test('rule 8: reading starts with the record that contains the next sequence', async () => {
    const log = await create()
    for (const one of [commit(1, 3), commit(4, 4), commit(8)]) await log.append(one, beside())
    expect(await records(log, 3)).toEqual([commit(4, 4), commit(8)])
    expect(await records(log, 5)).toEqual([commit(4, 4), commit(8)])
    expect(await records(log, 7)).toEqual([commit(8)])
    expect(await records(log, 8)).toEqual([])
    expect(await records(log, 100)).toEqual([])
  })

  test('rule 8: a read has no hidden limit', async () => {
    const log = await create()
    for (let i = 1; i <= 2500; i++) await log.append(commit(i), beside())
    expect((await records(log)).map(({ first }) => first)).toEqual(Array.from({ length: 2500 }, (_, i) => i + 1))
    expect((await records(log, 1234)).length).toBe(2500 - 1234)
  }, 20_000)

  test('looking says whether the log has grown', async () => {
    const log = await create()
    await log.append(commit(1, 5), beside())
    expect((await log.checkHead(0, [])).raced).toBe(true)
    expect((await log.checkHead(5, [])).raced).toBe(false)
  })

  test('rule 4: deciding inside gets the whole tail and the ids that are taken, and its result is appended', async () => {
    const log = await create()
    const first = commit(1, 2)
    await log.append(first, beside(['a', entry(first)]))
    await log.append(commit(3), beside())
    let seen: unknown
    const done = await log.appendInside(
      0,
      ['a', 'b'],
      (tail, taken) => {
        seen = { tail, taken: [...taken] }
        return { record: commit(4), beside: beside() }
      },
      'relaxed',
    )
    expect(done).toBeTruthy()
    expect(seen).toEqual({ tail: [first, commit(3)], taken: ['a'] })
    expect(await records(log, 3)).toEqual([commit(4)])
  })

  test('deciding inside on nothing appends nothing', async () => {
    const log = await create()
    expect(await log.appendInside(0, [], () => undefined, 'relaxed')).toBeFalsy()
    expect(await records(log)).toEqual([])
  })

  test('an append rejects with what a decision inside throws, and nothing was appended', async () => {
    const log = await create()
    const error = new Error('decided badly')
    await expect(
      log.appendInside(
        0,
        [],
        () => {
          throw error
        },
        'relaxed',
      ),
    ).rejects.toBe(error)
    expect(await records(log)).toEqual([])
  })

  test('an aborted signal ends a read with its reason', async () => {
    const log = await create()
    await log.append(commit(1), beside())
    const reason = new Error('enough')
    await expect(log.readAfter(0, AbortSignal.abort(reason)).next()).rejects.toBe(reason)
  })
})

describe('the log in IndexedDB', () => {
  test('guarantee 1: a hole is corruption at the missing sequence, after the events before it were read', async () => {
    const { log, name } = await open()
    for (const one of [commit(1, 2), commit(3), commit(4, 2), commit(6)]) await log.append(one, beside())
    await inDatabase(name, (store) => store('commits').delete(4))
    const before = await dump(name, 'commits')
    await expect(records(log)).rejects.toMatchObject({ name: 'CorruptLog', sequence: 4 })
    await expect(records(log, 3)).rejects.toMatchObject({ name: 'CorruptLog', sequence: 4 })
    expect(await dump(name, 'commits')).toEqual(before)
  })

  test('guarantee 1: a hole right after an aligned head or inside a record is found, too', async () => {
    const { log, name } = await open()
    for (const one of [commit(1, 3), commit(4, 3), commit(7)]) await log.append(one, beside())
    await inDatabase(name, (store) => store('commits').delete(4))
    await expect(records(log, 4)).rejects.toMatchObject({ name: 'CorruptLog' })
  })

  test('a stored value that is not a commit is corruption', async () => {
    const { log, name } = await open()
    await log.append(commit(1), beside())
    await inDatabase(name, (store) => store('commits').put('garbage', 2))
    await expect(records(log)).rejects.toMatchObject({ name: 'CorruptLog', sequence: 2 })
    await inDatabase(name, (store) => store('commits').put({ ...commit(2), last: 1 }, 2))
    await expect(records(log)).rejects.toMatchObject({ name: 'CorruptLog', sequence: 2 })
  })

  test('rule 2: an append queues everything and commits before any answer', async () => {
    const { log } = await open()
    const { commit: before } = IDBTransaction.prototype
    let answered = false
    let committed: boolean | undefined
    IDBTransaction.prototype.commit = function () {
      committed = answered
      before.call(this)
    }
    const traffic = watchTraffic()
    const record = commit(1)
    queueMicrotask(() => (answered = true))
    const appending = log.append(record, { ...beside(['a', entry(record)]), types: [['x', 1]] })
    expect(traffic.requests).toEqual(['getKey segments', 'add commits', 'add commands', 'put types'])
    expect(committed).toBe(false)
    expect(await appending).toBe('appended')
    expect(traffic.transactions).toHaveLength(1)
    traffic.stop()
    IDBTransaction.prototype.commit = before
  })

  test('hazard 6: a read at the head queues all requests and commits before any answer', async () => {
    const { log } = await open()
    for (const first of [1, 2]) await log.append(commit(first), beside())
    const { commit: before } = IDBTransaction.prototype
    const committed: string[][] = []
    const traffic = watchTraffic()
    IDBTransaction.prototype.commit = function () {
      committed.push([...traffic.requests])
      before.call(this)
    }
    try {
      const read = await log.readAfter(1, undefined, true).next()
      expect(read.value).toEqual([commit(2)])
      await log.checkHead(2, [])
    } finally {
      IDBTransaction.prototype.commit = before
      traffic.stop()
    }
    const reading = ['get segments', 'getAll commits']
    const looking = [...reading, 'openKeyCursor segments', 'getKey segments', 'getKey commits']
    expect(committed).toEqual([reading, looking])
    expect(traffic.requests).toEqual(looking)
  })

  describe('a value that Chromium loads after its transaction is complete', () => {
    const reading = async () => {
      const { log, database } = await open()
      for (const first of [1, 2]) await log.append(commit(first), beside())
      const late = answerLate()
      const read = log.readAfter(1, undefined, true).next()
      return { read, database, answer: await late }
    }

    test('is waited for', async () => {
      const { read, answer } = await reading()
      answer()
      expect((await read).value).toEqual([commit(2)])
    })

    test('is read again if the connection is closed first', async () => {
      const { read, database } = await reading()
      forceCloseDatabase(database.idb as never)
      expect((await read).value).toEqual([commit(2)])
    })

    test('is a storage error if it can not be loaded', async () => {
      const { read, answer } = await reading()
      answer(new DOMException('by the test', 'DataError'))
      await expect(read).rejects.toMatchObject({ name: 'StorageError', kind: 'aborted', cause: { name: 'DataError' } })
    })
  })

  test('rule 2: each type of event has a record of its own', async () => {
    const { log, name } = await open()
    await log.append(commit(1), {
      ...beside(),
      types: [
        ['x', 1],
        ['y', 2],
      ],
    })
    await log.append(commit(2), { ...beside(), types: [['x', 3]] })
    expect((await dump(name, 'types')).map(({ value }) => value)).toEqual([
      { type: 'x', version: 1 },
      { type: 'x', version: 3 },
      { type: 'y', version: 2 },
    ])
  })

  test('sealed commits read as if they were not, from every sequence', async () => {
    const { log, name, database } = await open()
    const all = Array.from({ length: 20 }, (_, i) => commit(i * 3 + 1, 3))
    for (const one of all) await log.append(one, beside())
    expect(await seal(database, 30, 15)).toBe(true)
    expect(await seal(database, 30, 15)).toBe(true)
    expect(await seal(database, 30, 15)).toBe(false)
    expect((await dump(name, 'segments')).map(({ key }) => key)).toEqual([15, 30])
    expect((await dump(name, 'commits')).map(({ key }) => key)[0]).toBe(31)
    for (let after = 0; after <= 60; after++)
      expect(await records(log, after)).toEqual(all.filter(({ last }) => last > after))
  })

  test('sealing keeps fields that this code does not know, and text of any kind', async () => {
    const { log, database } = await open()
    const odd = { ...commit(1), later: { field: ['\u2028', '\n', 'é'] } } as CommitRecord
    const text = {
      ...commit(2),
      body: JSON.stringify([{ id: 'a', at: 0, events: [{ type: 'x', data: '\n\r\u2028"\\' }] }]),
    }
    await log.append(odd, beside())
    await log.append(text, beside())
    expect(await seal(database, 2, 2)).toBe(true)
    expect(await records(log)).toEqual([odd, text])
  })

  test('rule 11: nothing above the limit is sealed, and of two sealers one gives up', async () => {
    const { log, name, database } = await open()
    const all = Array.from({ length: 10 }, (_, i) => commit(i + 1))
    for (const one of all) await log.append(one, beside())
    expect(await seal(database, 3, 4)).toBe(false)
    const other = await openDatabase(name, false)
    const sealed = await Promise.all([seal(database, 6, 4), seal(other, 10, 8)])
    expect(sealed.filter(Boolean)).toHaveLength(1)
    expect(await records(log)).toEqual(all)
    expect(await dump(name, 'bodies')).toHaveLength(1)
    other.close()
  })

  test('to find that there is little to seal no commit is read, and a seal reads in slices', async () => {
    const { log, database } = await open()
    for (let i = 1; i <= 60; i++) await log.append(commit(i), beside())
    const watched = watchTraffic()
    expect(await seal(database, 60, 1000)).toBe(false)
    expect(watched.requests).toEqual(['openKeyCursor segments', 'get meta'])
    watched.requests.length = watched.transactions.length = 0
    expect(await seal(database, 60, 60)).toBe(true)
    watched.stop()
    // Eight at first, then as many as have the characters of a slice.
    expect(watched.requests.filter((one) => one === 'getAll commits')).toHaveLength(2)
    expect(watched.transactions.filter(({ stores }) => stores.join() === 'commits')).toHaveLength(2)
  })

  test('rule 8: a seal between two batches of a read is not taken for a hole', async () => {
    const { log, database } = await open()
    const all = Array.from({ length: 200 }, (_, i) => commit(i + 1))
    for (const one of all) await log.append(one, beside())
    const read: CommitRecord[] = []
    for await (const batch of log.readAfter(0)) {
      read.push(...batch)
      if (read.length < 100) expect(await seal(database, 150, 150)).toBe(true)
    }
    expect(read.filter(({ first }, i) => i === 0 || first > read[i - 1]!.first)).toEqual(all)
  })

  test('commits after large segments are read in one request, after the look that finds the segments', async () => {
    const { log, database } = await open()
    for (const first of [1, 20_001]) {
      await log.append(commit(first, 20_000), beside())
      expect(await seal(database, first + 19_999)).toBe(true)
    }
    const tail = Array.from({ length: 60 }, (_, i) => commit(40_001 + i))
    for (const one of tail) await log.append(one, beside())
    const watched = watchTraffic()
    expect((await records(log)).slice(2)).toEqual(tail)
    watched.stop()
    // The look that finds the first segment asks for commits, too.
    expect(watched.requests.filter((one) => one === 'getAll commits')).toHaveLength(2)
  })

  test('a command with more events than a function can have arguments is read', () => {
    const events = eventsOf(commit(1, 200_000), eventTypes(defineEvents({ x: event() })))
    expect(events).toHaveLength(200_000)
    expect(events.at(-1)).toMatchObject({ sequence: 200_000, type: 'x' })
  })

  test('a segment whose bytes changed is corruption, and nothing is dropped', async () => {
    const { log, name, database } = await open()
    for (let i = 1; i <= 4; i++) await log.append(commit(i), beside())
    await seal(database, 4, 4)
    const [body] = await dump(name, 'bodies')
    const bytes = body!.value.slice()
    bytes[bytes.length >> 1] ^= 1
    await inDatabase(name, (store) => store('bodies').put(bytes, body!.key))
    await expect(records(log)).rejects.toMatchObject({ name: 'CorruptLog', sequence: 1 })
    expect(await dump(name, 'segments')).toHaveLength(1)
    await inDatabase(name, (store) => store('bodies').delete(body!.key))
    await expect(records(log)).rejects.toMatchObject({ name: 'CorruptLog', sequence: 1 })
  })

  test('rule 11: a segment of an unknown codec was written by newer code: outdated, not corrupt', async () => {
    const { log, name, database } = await open()
    for (let i = 1; i <= 4; i++) await log.append(commit(i), beside())
    await seal(database, 4, 4)
    await inDatabase(name, (store) => store('segments').put({ first: 1, last: 4, codec: 'future', body: 'b' }, 4))
    await expect(records(log)).rejects.toMatchObject({ name: 'OutdatedCodeError' })
  })

  test('rule 2: an append whose key a segment covers is not part of the log, and is deleted with its command ids', async () => {
    const { log, name, database } = await open()
    for (let i = 1; i <= 6; i++) await log.append(commit(i), beside())
    await seal(database, 6, 6)
    const stale = commit(3, 2, 'stale')
    expect(await log.append(stale, beside(['mine', entry(stale)]))).toBe('sealed')
    expect(await dump(name, 'commits')).toEqual([])
    expect(await dump(name, 'commands')).toEqual([])
    expect(await records(log)).toHaveLength(6)
  })

  test('rule 2: further writes of an append are not made if a segment covers its key', async () => {
    const { log, name, database } = await open()
    for (let i = 1; i <= 6; i++) await log.append(commit(i), beside())
    await seal(database, 6, 6)
    const extra = [{ stores: ['reactions'], write: (store: any) => void store('reactions').put({ epoch: 'x' }, 'x') }]
    expect(await log.append(commit(3, 2, 'stale'), { ...beside(), extra } as any)).toBe('sealed')
    expect(await dump(name, 'reactions')).toEqual([])
    expect(await log.append(commit(7), { ...beside(), extra } as any)).toBe('appended')
    expect(await dump(name, 'reactions')).toHaveLength(1)
  })

  test('rule 2: deleting an append whose key a segment covers keeps the entries of other commits', async () => {
    const { log, name, database } = await open()
    const all = Array.from({ length: 6 }, (_, i) => commit(i + 1))
    for (const one of all) await log.append(one, beside([`id-${one.id}`, entry(one)]))
    await seal(database, 6, 6)
    const stale = commit(3, 1, 'stale')
    expect(await log.append(stale, beside(['id-c3', entry(stale)]))).toEqual({ taken: 'id-c3' })
    expect((await dump(name, 'commands')).map(({ key }) => key)).toContain('id-c3')
  })

  test('rule 3: a commit below the newest segment is not part of the log: it is not read, and its command ids do not count', async () => {
    const { log, name, database } = await open()
    for (let i = 1; i <= 6; i++) await log.append(commit(i), beside())
    await seal(database, 6, 6)
    const stale = commit(4, 5, 'stale')
    await inDatabase(name, (store) => {
      store('commits').put(stale, stale.first)
      store('commands').put(entry(stale), 'mine')
    })
    expect(await records(log)).toHaveLength(6)
    expect(await records(log, 6)).toEqual([])
    const { entries, raced } = await log.checkHead(6, ['mine'])
    expect([...entries]).toEqual([])
    expect(raced).toBe(false)
    expect(await dump(name, 'commands')).toEqual([])
    const again = commit(7)
    expect(await log.append(again, beside(['mine', entry(again)]))).toBe('appended')
    expect([...(await log.checkHead(7, ['mine'])).entries]).toEqual([['mine', entry(again)]])
  })

  test('rule 3: the next seal deletes a commit that an append left below an older segment', async () => {
    const { log, name, database } = await open()
    for (let i = 1; i <= 12; i++) await log.append(commit(i), beside())
    await seal(database, 6, 6)
    const stale = commit(2, 1, 'stale')
    const [{ id }] = JSON.parse(stale.body)
    await inDatabase(name, (store) => {
      store('commits').put(stale, stale.first)
      store('commands').put(entry(stale), id)
    })
    expect(await seal(database, 12, 6)).toBe(true)
    expect(await dump(name, 'commits')).toEqual([])
    expect(await dump(name, 'commands')).toEqual([])
    expect(await records(log)).toHaveLength(12)
  })

  test('deciding inside appends nothing if the tail is sealed or has a hole', async () => {
    const { log, name, database } = await open()
    for (let i = 1; i <= 8; i++) await log.append(commit(i), beside())
    await seal(database, 6, 6)
    let asked = 0
    const decide = () => {
      asked++
      return undefined
    }
    expect(await log.appendInside(3, [], decide, 'relaxed')).toBeFalsy()
    await inDatabase(name, (store) => store('commits').delete(7))
    expect(await log.appendInside(6, [], decide, 'relaxed')).toBeFalsy()
    expect(asked).toBe(0)
  })

  test('a connection that is just being compared does not keep the database from being deleted', async () => {
    const { database, name } = await open()
    const read = (): Promise<IDBRequest> => database.transact(['meta'], 'readonly', (store) => store('meta').get('log'))
    await read()
    forceCloseDatabase(database.idb as never)
    const reading = read().catch((error: Error) => error)
    const deletion = indexedDB.deleteDatabase(`tidemark:${name}`)
    await new Promise((resolve, reject) => {
      deletion.onsuccess = resolve
      deletion.onblocked = () => reject(new Error('blocked'))
    })
    await reading
    database.close()
  })

  test('rule 10: a reopened connection never creates the database and never uses another log', async () => {
    const { log, name, database } = await open()
    const [meta] = await dump(name, 'meta')
    database.log = meta!.value
    await log.append(commit(1), beside())
    const { deleteDatabase } = await import('./storage.ts')
    await deleteDatabase(name)
    await expect(log.append(commit(2), beside())).rejects.toMatchObject({
      name: 'EngineClosed',
      reason: 'log replaced',
    })
    expect((await indexedDB.databases()).some((one) => one.name === `tidemark:${name}`)).toBe(false)
    const other = await openDatabase(name)
    await expect(log.append(commit(1), beside())).rejects.toMatchObject({ reason: 'log replaced' })
    await expect(records(log)).rejects.toMatchObject({ reason: 'log replaced' })
    expect(await dump(name, 'commits')).toEqual([])
    other.close()
  })

  test('hazard 7: a connection that was closed underneath is opened again', async () => {
    const { log, name, database } = await open()
    database.log = (await dump(name, 'meta'))[0]!.value
    const connections: IDBDatabase[] = []
    const { transaction } = IDBDatabase.prototype
    IDBDatabase.prototype.transaction = function (...args) {
      connections.push(this)
      return transaction.apply(this, args)
    }
    await log.append(commit(1), beside())
    connections[0]!.close()
    expect(await log.append(commit(2), beside())).toBe('appended')
    expect(await records(log)).toHaveLength(2)
    IDBDatabase.prototype.transaction = transaction
  })
})
