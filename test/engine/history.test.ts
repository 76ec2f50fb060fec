import { openEngine } from 'tidemark'
import { expect, test } from 'vitest'
import { openDatabase, seal } from '../log/rooms.ts'
import { dump, inDatabase } from '../log/storage.ts'
import { quiet, tab, traffic } from './kit.ts'
import { collect, freshName, later, newerApp, outcome, shown } from './todos.ts'

async function filled(events = 30) {
  const name = freshName()
  const a = await tab(name)
  for (let i = 0; i < events / 3; i++) await a.dispatch.addMany({ ids: [`${i}a`, `${i}b`, `${i}c`] })
  return { name, a }
}
const numbers = async (from: AsyncIterable<{ sequence: number }>): Promise<number[]> =>
  (await collect(from)).map(({ sequence }) => sequence)
const from = (first: number, last: number): number[] => Array.from({ length: last - first + 1 }, (_, i) => first + i)

test('history gives committed events, ends exclusive, in both directions and inside commits', async () => {
  const { a } = await filled()
  expect(await numbers(a.history())).toEqual(from(1, 30))
  expect(await numbers(a.history({ after: 4 }))).toEqual(from(5, 30))
  expect(await numbers(a.history({ before: 5 }))).toEqual(from(1, 4))
  expect(await numbers(a.history({ after: 4, before: 9 }))).toEqual(from(5, 8))
  expect(await numbers(a.history({ after: 4, before: 5 }))).toEqual([])
  expect(await numbers(a.history({ after: 30 }))).toEqual([])
  expect(await numbers(a.history({ after: 99 }))).toEqual([])
  expect(await numbers(a.history({ before: 1 }))).toEqual([])
  expect(await numbers(a.history({ limit: 3 }))).toEqual([1, 2, 3])
  expect(await numbers(a.history({ limit: 0 }))).toEqual([])
  expect(await numbers(a.history({ reverse: true }))).toEqual(from(1, 30).reverse())
  expect(await numbers(a.history({ reverse: true, after: 4, before: 9 }))).toEqual([8, 7, 6, 5])
  expect(await numbers(a.history({ reverse: true, limit: 2 }))).toEqual([30, 29])
})

test('history ends at the head at the call', async () => {
  const { a } = await filled(9)
  const iterating = a.history()[Symbol.asyncIterator]()
  expect((await iterating.next()).value.sequence).toBe(1)
  await a.dispatch.add({ title: 'later' })
  const rest: number[] = []
  for (let next = await iterating.next(); !next.done; next = await iterating.next()) rest.push(next.value.sequence)
  expect(rest).toEqual(from(2, 9))
})

test('history can be iterated twice, left in the middle and run beside dispatches', async () => {
  const { a } = await filled(9)
  const history = a.history()
  for await (const { sequence } of history) if (sequence === 2) break
  expect(await numbers(a.history())).toEqual(from(1, 9))
  expect(await a.dispatch.add({ title: 'on' })).toMatchObject({ sequence: 10 })
})

test('history does not show what is pending', async () => {
  const { a } = await filled(3)
  const sent = a.dispatch.add({ title: 'pending' })
  expect(await numbers(a.history())).toEqual([1, 2, 3])
  await sent
})

test('history gives every event up to the head, though a damaged record or an event of a newer build comes after it', async () => {
  const { name, a } = await filled()
  await inDatabase(name, (store) => void store('commits').put({ first: 31, last: 31 } as never, 31))
  await outcome(a.dispatch.add({ title: 'refused' }))
  const { a: b, name: other } = await filled()
  const newer = await openEngine(newerApp(), { name: other })
  await newer.dispatch.star({ id: '0a' })
  await newer.close()
  await expect.poll(() => [a.status.state, b.status.state]).toEqual(['failed', 'outdated'])
  for (const one of [a, b]) {
    expect(await numbers(one.history())).toEqual(from(1, 30))
    expect(await numbers(one.history({ reverse: true }))).toEqual(from(1, 30).reverse())
    expect(await numbers(one.history({ table: 'todos', key: '0a' }))).toEqual([1])
  }
})

test('readers get the events before a damaged record, then the error', async () => {
  const { name, a } = await filled()
  await inDatabase(name, (store) => void store('commits').delete(16))
  const seen: number[] = []
  const reading = async () => {
    for await (const { sequence } of a.history()) seen.push(sequence)
  }
  await expect(reading()).rejects.toMatchObject({ name: 'CorruptLog', sequence: 16 })
  expect(seen).toEqual(from(1, 15))
})

test('history ends with the reason of its signal', async () => {
  const { a } = await filled(9)
  const reason = new Error('enough')
  await expect(collect(a.history({ signal: AbortSignal.abort(reason) }))).rejects.toBe(reason)
  await expect(collect(a.history({ signal: AbortSignal.abort(reason), reverse: true }))).rejects.toBe(reason)
  const abort = new AbortController()
  const iterating = a.history({ signal: abort.signal })[Symbol.asyncIterator]()
  await iterating.next()
  abort.abort(reason)
  expect(
    await outcome(
      (async () => {
        for (let i = 0; i < 20; i++) await iterating.next()
      })(),
    ),
  ).toBe(reason)
})

test('table and key give the events that touched one row, those of `by` too', async () => {
  const { a } = await filled(9)
  await a.dispatch.toggle({ id: '1b' })
  await a.dispatch.rename({ id: '1c', title: 'x' })
  await a.dispatch.clearDone()
  await a.dispatch.add({ id: '1b', title: 'again' })
  const types = async (options: any) => (await collect(a.history(options))).map(({ type }) => type)
  expect(await types({ table: 'todos', key: '1b' })).toEqual(['todoAdded', 'todoToggled', 'doneCleared', 'todoAdded'])
  expect(await types({ table: 'todos', key: '1b', reverse: true, limit: 2 })).toEqual(['todoAdded', 'doneCleared'])
  expect(await types({ table: 'todos', key: '1c' })).toEqual(['todoAdded', 'todoRenamed'])
  expect(await types({ table: 'todos', key: 'none' })).toEqual([])
  expect(await types({ table: 'titles', key: 'again' })).toEqual(['todoAdded'])
  expect(await outcome(collect(a.history({ table: 'count', key: 'x' } as any)))).toMatchObject({ name: 'ModelError' })
  expect(await outcome(collect(a.history({ table: 'nonsense', key: 'x' } as any)))).toMatchObject({
    name: 'ModelError',
  })
})

test('history reads sealed segments as if they were commits', async () => {
  const { a, name } = await filled(60)
  const database = await openDatabase(name, false)
  expect(await seal(database, 45, 30)).toBe(true)
  database.close()
  expect(await numbers(a.history())).toEqual(from(1, 60))
  expect(await numbers(a.history({ reverse: true }))).toEqual(from(1, 60).reverse())
  expect(await numbers(a.history({ after: 13, before: 40 }))).toEqual(from(14, 39))
})

test("history gives today's type and version of old events", async () => {
  const { a, name } = await filled(3)
  await a.close()
  const newer = await openEngine(newerApp(), { name })
  const [first] = await collect(newer.history({ limit: 1 }))
  expect(first).toMatchObject({ type: 'todoAdded', version: 2, data: { list: 'inbox' } })
  await newer.close()
})

test('projected() resolves when the pages of every projection stand there', async () => {
  const { a, name } = await filled()
  await a.projected()
  for (const { value } of await dump(name, 'checkpoints')) expect(value.sequence).toBe(30)
  expect(a.status.projected).toBe(30)
  for (const { sequence } of Object.values(a.status.projections)) expect(sequence).toBe(30)
  await a.projected(10)
  const ahead = a.projected(31)
  await later(20)
  await a.dispatch.add({ title: 'x' })
  await ahead
  expect(a.status.projected).toBe(31)
})

test('projected() ends with the reason of its signal, and with EngineClosed at close', async () => {
  const { a } = await filled(3)
  const abort = new AbortController()
  const waiting = outcome(a.projected(99, { signal: abort.signal }))
  const other = outcome(a.projected(99))
  const reason = new Error('enough')
  abort.abort(reason)
  expect(await waiting).toBe(reason)
  await a.close()
  expect(await other).toMatchObject({ name: 'EngineClosed' })
})

test('rebuild folds the log again while live tabs keep their rows, with progress to the end', async () => {
  const { a, name } = await filled(300)
  const b = await tab(name)
  await a.projected()
  const was = shown(a)
  const seen: { phase: string; done: number; total: number }[] = []
  const builds = async () => (await dump(name, 'checkpoints')).map(({ value }) => value.build).join()
  const before = await builds()
  const rebuilding = a.rebuild({ onProgress: (one) => seen.push(one) })
  expect(shown(a)).toEqual(was)
  await a.dispatch.add({ id: 'meanwhile', title: 'meanwhile' })
  await rebuilding
  expect(await builds()).not.toBe(before)
  expect(seen[0]).toMatchObject({ phase: 'rebuild' })
  expect(seen.at(-1)!.done).toBe(seen.at(-1)!.total)
  for (const [i, { done }] of seen.entries()) expect(done).toBeGreaterThanOrEqual(seen[i - 1]?.done ?? 0)
  await expect.poll(() => b.status.sequence).toBe(301)
  await a.projected()
  const c = await tab(name)
  expect(shown(c)).toEqual(shown(a))
  expect(c.status.lastError).toBeUndefined()
  expect(shown(b)).toEqual(shown(a))
})

test('rule 16: after a rebuild a boot opens from the new pages and reads nothing of the log', async () => {
  const { a, name } = await filled(90)
  await a.projected()
  await a.rebuild()
  const was = shown(a)
  await a.close()
  await quiet()
  const watched = traffic()
  const b = await tab(name)
  watched.stop()
  expect(watched.read).toEqual([])
  expect(shown(b)).toEqual(was)
  expect(b.status).toMatchObject({ sequence: 90, projected: 90 })
})

test('rebuild of one projection leaves the others alone; an unknown one is a ModelError', async () => {
  const { a, name } = await filled()
  await a.projected()
  const build = async (of: string) =>
    (await dump(name, 'checkpoints')).find(({ key }) => key[0].startsWith(`${of}@`))?.value.build
  const before = [await build('todos'), await build('count')]
  await a.rebuild({ projections: ['todos'] })
  expect(await build('todos')).not.toBe(before[0])
  expect(await build('count')).toBe(before[1])
  await expect(a.rebuild({ projections: ['nonsense' as never] })).rejects.toMatchObject({ name: 'ModelError' })
})

test('a cancelled rebuild rejects with the reason and changes nothing; the next one finishes', async () => {
  const { a, name } = await filled(300)
  await a.projected()
  const reason = new Error('enough')
  const abort = new AbortController()
  const cancelled = outcome(a.rebuild({ signal: abort.signal, onProgress: () => abort.abort(reason) }))
  expect(await cancelled).toBe(reason)
  expect(await outcome(a.rebuild({ signal: AbortSignal.abort(reason) }))).toBe(reason)
  expect(shown(await tab(name))).toEqual(shown(a))
  await a.rebuild()
  expect(shown(await tab(name))).toEqual(shown(a))
  expect((await dump(name, 'checkpoints')).length).toBe(3)
})

test('two rebuilds at once, from two tabs, are harmless', async () => {
  const { a, name } = await filled(90)
  const b = await tab(name)
  await Promise.all([a.rebuild(), b.rebuild(), a.rebuild({ projections: ['todos'] })])
  await a.dispatch.add({ title: 'on' })
  await a.projected()
  const c = await tab(name)
  expect(shown(c)).toEqual(shown(a))
  expect(c.status.lastError).toBeUndefined()
})
