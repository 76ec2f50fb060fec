import fc from 'fast-check'
import { type AnyRecorded, openEngine } from 'tidemark'
import { archive, destroy, exportLog, importLog } from 'tidemark/tools'
import { expect, test, vi } from 'vitest'
import { openDatabase, seal } from '../log/rooms.ts'
import { quiet, type Tab, tab } from './kit.ts'
import { collect, freshName, later, newerApp, outcome } from './todos.ts'
import { blobOf, bytesOf, written } from './tools/files.ts'
import { createLocks } from './tools/locks.ts'

type Recorded = AnyRecorded<any>
const numbers = (first: number, last: number): number[] => Array.from({ length: last - first + 1 }, (_, i) => first + i)

/** The next `count` events; the loop is left after them. */
async function take(from: AsyncIterable<Recorded>, count: number): Promise<Recorded[]> {
  const all: Recorded[] = []
  for await (const event of from) if (all.push(event) === count) break
  return all
}
const sequences = (events: readonly Recorded[]): number[] => events.map(({ sequence }) => sequence)
const addMany = async (one: Tab, count: number): Promise<void> => {
  for (let i = 0; i < count; i++) await one.dispatch.add({ title: `${i}` })
}
async function sealed(name: string, last: number, events = last): Promise<void> {
  const database = await openDatabase(name, false)
  while (await seal(database, last, events, true));
  database.close()
}

test('gives what the log has after a position, and then each event as it commits', async () => {
  const a = await tab(freshName())
  await a.dispatch.addMany({ ids: ['a', 'b', 'c'] })
  const all = take(a.events(), 5)
  const some = take(a.events({ after: 1 }), 4)
  const fresh = take(a.events({ after: 3 }), 2)
  await a.dispatch.toggle({ id: 'a' })
  await a.dispatch.toggle({ id: 'b' })
  expect(sequences(await all)).toEqual(numbers(1, 5))
  expect(sequences(await some)).toEqual(numbers(2, 5))
  expect(sequences(await fresh)).toEqual([4, 5])
  expect(await all).toEqual(await collect(a.history()))
})

test('gives events of other tabs, and `read` shows each one when it is given', async () => {
  const name = freshName()
  const [a, b] = [await tab(name), await tab(name)]
  const reading = take(a.events(), 3)
  await b.dispatch.add({ id: 'x', title: 'x' })
  await b.dispatch.addMany({ ids: ['y', 'z'] })
  for (const { data } of await reading) expect(a.read.todos.has((data as { id: string }).id)).toBe(true)
})

test('shows nothing that is pending or was rejected', async () => {
  const a = await tab(freshName())
  const reading = take(a.events(), 2)
  const sent = a.dispatch.add({ id: 'x', title: 'x' })
  await expect(a.dispatch.refuse()).rejects.toThrow()
  const { sequence = 0 } = await sent
  await a.dispatch.nothing()
  await a.dispatch.toggle({ id: 'x' })
  expect(sequences(await reading)).toEqual([sequence, sequence + 1])
})

test('a slow reader gets every event, and none is kept in memory for it: the log is read again', async () => {
  const a = await tab(freshName())
  const reading = a.events()[Symbol.asyncIterator]()
  await a.dispatch.add({ title: 'first' })
  const seen = [(await reading.next()).value.sequence]
  await addMany(a, 60)
  const transact = vi.spyOn(IDBDatabase.prototype, 'transaction')
  while (seen.length < 61) seen.push((await reading.next()).value.sequence)
  expect(transact).toHaveBeenCalled()
  transact.mockRestore()
  expect(seen).toEqual(numbers(1, 61))
  await reading.return!()
})

test('reads sealed segments as if they were commits', async () => {
  const name = freshName()
  const a = await tab(name)
  await addMany(a, 60)
  await sealed(name, 45, 15)
  const reading = take(a.events({ after: 7 }), 54)
  await a.dispatch.add({ title: 'live' })
  expect(sequences(await reading)).toEqual(numbers(8, 61))
})

test('any starts, readers, writers, pauses and seals: every reader gets exactly the log after its position', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 5 }),
      fc.array(
        fc.record({ writer: fc.nat(2), events: fc.integer({ min: 1, max: 12 }), seal: fc.boolean(), pause: fc.nat(3) }),
        { minLength: 1, maxLength: 12 },
      ),
      fc.nat(40),
      async (starts, steps, before) => {
        const name = freshName()
        const tabs = [await tab(name), await tab(name), await tab(name)] as const
        for (let i = 0; i < before; i++) await tabs[0].dispatch.add({ title: '' })
        const total = before + steps.reduce((sum, { events }) => sum + events, 0)
        const readings = starts.map(async (start, i) => {
          const after = Math.min(start, before)
          if (after === total) return { after, seen: [] }
          const seen: Recorded[] = []
          for await (const event of tabs[i % 3]!.events({ after })) {
            if (event.sequence % 3 === i % 3) await later(i)
            if (seen.push(event) === total - after) break
          }
          return { after, seen }
        })
        let at = before
        for (const { writer, events, seal, pause } of steps) {
          at += events
          await tabs[writer as 0].dispatch.addMany({ ids: numbers(1, events).map((i) => `${at}-${i}`) })
          if (seal) await sealed(name, at)
          if (pause) await later(pause)
        }
        // History ends at the head that its tab knows.
        await vi.waitFor(() => expect(tabs[0].status.sequence).toBe(total))
        const log = await collect(tabs[0].history())
        for (const reading of readings) {
          const { after, seen } = await reading
          expect(seen).toEqual(log.slice(after))
        }
        await Promise.all(tabs.map((one) => one.close()))
      },
    ),
    { numRuns: 20 },
  )
})

test("gives today's type and version of old events", async () => {
  const name = freshName()
  const a = await tab(name)
  await a.dispatch.add({ title: 'x' })
  await a.close()
  const newer = await openEngine(newerApp(), { name })
  expect(await take(newer.events(), 1)).toMatchObject([{ type: 'todoAdded', version: 2, data: { list: 'inbox' } }])
  await newer.close()
})

test('works in memory', async () => {
  const a = await tab(freshName(), {}, { storage: 'memory' })
  await addMany(a, 2)
  const reading = take(a.events({ after: 1 }), 2)
  await addMany(a, 1)
  expect(sequences(await reading)).toEqual([2, 3])
})

test('ends with EngineClosed when its own handle closes, and goes on for the others', async () => {
  const name = freshName()
  const a = await tab(name)
  const b = await openEngine(a.model, { name })
  const [mine, others] = [outcome(collect(a.events())), take(b.events(), 1)]
  await later()
  await a.close()
  expect(await mine).toMatchObject({ name: 'EngineClosed', reason: 'closed' })
  await b.dispatch.add({ title: 'on' })
  expect(sequences(await others)).toEqual([1])
  await b.close()
  expect(await outcome(collect(a.events()))).toMatchObject({ name: 'EngineClosed' })
})

test('ends with the reason of its signal, while it reads and while it waits, and leaves no listener', async () => {
  const a = await tab(freshName())
  await addMany(a, 3)
  const reason = new Error('enough')
  expect(await outcome(collect(a.events({ signal: AbortSignal.abort(reason) })))).toBe(reason)
  const abort = new AbortController()
  const added = vi.spyOn(abort.signal, 'addEventListener')
  const removed = vi.spyOn(abort.signal, 'removeEventListener')
  const seen: number[] = []
  const reading = outcome(
    (async () => {
      for await (const { sequence } of a.events({ signal: abort.signal })) seen.push(sequence)
    })(),
  )
  await expect.poll(() => seen).toEqual([1, 2, 3])
  await addMany(a, 1)
  await expect.poll(() => seen).toEqual([1, 2, 3, 4])
  abort.abort(reason)
  expect(await reading).toBe(reason)
  expect(added.mock.calls.length).toBeGreaterThan(0)
  expect(removed.mock.calls.length).toBeGreaterThanOrEqual(added.mock.calls.filter(([, , once]) => !once).length)
})

test('return() ends a next() that waits for the next event', async () => {
  const a = await tab(freshName())
  const iterating = a.events()[Symbol.asyncIterator]()
  const waiting = iterating.next()
  await later(20)
  expect(await iterating.return!()).toEqual({ done: true, value: undefined })
  expect(await waiting).toEqual({ done: true, value: undefined })
  expect(await iterating.next()).toEqual({ done: true, value: undefined })
})

test('refuses a position that no log has, or that this log has not reached', async () => {
  const name = freshName()
  const a = await tab(name)
  await addMany(a, 3)
  for (const after of [-1, 0.5, Number.NaN, 4, 1000])
    expect(await outcome(collect(a.events({ after })))).toMatchObject({ name: 'InvalidData', path: ['after'] })
})

test('takes a position of another tab that this one has not reached yet', async () => {
  const name = freshName()
  const [a, b] = [await tab(name), await tab(name)]
  const { sequence = 0 } = await b.dispatch.addMany({ ids: ['a', 'b'] })
  // No message has arrived.
  expect(a.status.sequence).toBe(0)
  const reading = take(a.events({ after: sequence }), 1)
  await later(50)
  await b.dispatch.add({ title: 'next' })
  expect(sequences(await reading)).toEqual([sequence + 1])
})

test('an event of a newer build ends it after the last one that this code knows', async () => {
  const name = freshName()
  const a = await tab(name)
  await a.dispatch.add({ id: 'x', title: 'x' })
  const seen: number[] = []
  const reading = outcome(
    (async () => {
      for await (const { sequence } of a.events()) seen.push(sequence)
    })(),
  )
  const newer = await openEngine(newerApp(), { name })
  await newer.dispatch.star({ id: 'x' })
  expect(await reading).toMatchObject({ name: 'OutdatedCodeError', type: 'todoStarred' })
  expect(seen).toEqual([1])
  await newer.close()
})

test('a log that can not be read for a while is read again; one that stays so ends it with StorageError', async () => {
  const name = freshName()
  const a = await tab(name)
  await addMany(a, 3)
  await quiet()
  const { transaction } = IDBDatabase.prototype
  let failing = 2
  const spy = vi.spyOn(IDBDatabase.prototype, 'transaction').mockImplementation(function (this: IDBDatabase, ...given) {
    if (failing-- > 0) throw new DOMException('no', 'UnknownError')
    return transaction.apply(this, given)
  })
  expect(sequences(await take(a.events(), 3))).toEqual([1, 2, 3])
  failing = Number.POSITIVE_INFINITY
  expect(await outcome(take(a.events(), 3))).toMatchObject({ name: 'StorageError' })
  spy.mockRestore()
  expect(sequences(await take(a.events(), 3))).toEqual([1, 2, 3])
})

test('an archived log: begins after its base, and refuses a position below it', async () => {
  vi.stubGlobal('navigator', { locks: createLocks() })
  const a = await written(freshName(), 40, [12])
  const { sequence } = a.status
  const slow = a.events({ after: 4 })[Symbol.asyncIterator]()
  const fast = take(a.events({ after: sequence }), 1)
  expect((await slow.next()).value.sequence).toBe(5)
  await bytesOf(await archive(a, { before: 21 }))
  expect(sequences(await take(a.events(), 2))).toEqual([21, 22])
  expect(sequences(await take(a.events({ after: 20 }), 2))).toEqual([21, 22])
  for (const after of [0, 19])
    expect(await outcome(collect(a.events({ after })))).toMatchObject({
      name: 'InvalidData',
      path: ['after'],
      message: expect.stringContaining('events up to 20 were archived'),
    })
  // What was read before it was archived is given, nothing is skipped.
  let last = 5
  const end = await outcome(
    (async () => {
      for (;;) {
        const { value } = await slow.next()
        expect(value.sequence).toBe(last + 1)
        last = value.sequence
        if (last === sequence) return 'all'
      }
    })(),
  )
  if (end !== 'all') expect(end).toMatchObject({ name: 'InvalidData', path: ['after'] })
  await a.dispatch.add({ title: 'next' })
  expect(sequences(await fast)).toEqual([sequence + 1])
})

test('a log that another one takes the place of ends it, and an empty one goes on with what is imported', async () => {
  vi.stubGlobal('navigator', { locks: createLocks() })
  const source = await written(freshName(), 10, [])
  const total = source.status.sequence
  const file = blobOf(await bytesOf(exportLog(source)))
  const empty = await tab(freshName())
  const reading = take(empty.events(), total + 1)
  await later(20)
  await importLog(empty, file)
  await empty.dispatch.add({ title: 'next' })
  const seen = await reading
  expect(sequences(seen)).toEqual(numbers(1, total + 1))
  expect(seen.slice(0, -1)).toEqual(await collect(source.history()))
  const destroyed = outcome(collect(empty.events({ after: total + 1 })))
  await later(20)
  await destroy(empty)
  expect(await destroyed).toMatchObject({ name: 'EngineClosed', reason: 'destroyed' })
})
