import { openEngine } from 'tidemark'
import { expect, test } from 'vitest'
import { coreOf } from '../../../src/engine/openEngine.ts'
import { blocksAround, type Stretch, WINDOW_EVENTS } from '../../../src/engine/tools/stretches.ts'
import { seal } from '../../../src/log/seal.ts'
import { dump, inDatabase } from '../../log/storage.ts'
import { type Tab, tab } from '../kit.ts'
import { freshName, todoApp } from '../todos.ts'
import { written } from './files.ts'

const around = async (one: Parameters<typeof coreOf.get>[0], sequence: number, after = 0) =>
  (await blocksAround(coreOf.get(one)!, sequence, after)).flatMap((block) => block.decode())

/** Every stretch from the log's end to its beginning, as somebody who scrolls reads them. */
async function all(one: Tab): Promise<Stretch[]> {
  const found: Stretch[] = []
  for (let at = one.status.sequence; at > 0; at = found[0]!.first - 1) {
    const some = await around(one, at)
    expect(some.some(({ first, last }) => first <= at && last >= at)).toBe(true)
    found.unshift(...some.filter(({ last }) => last <= at))
  }
  return found
}

const ranges = (stretches: readonly Stretch[]) =>
  stretches.map(({ first, last, error }) => (error ? `${first}-${last} ${error.name}` : `${first}-${last}`))

const inOrder = (stretches: readonly Stretch[], head: number): void => {
  expect(stretches[0]?.first).toBe(1)
  expect(stretches.at(-1)?.last).toBe(head)
  for (const [i, { first }] of stretches.entries()) if (i) expect(first).toBe(stretches[i - 1]!.last + 1)
}

test('the stretches of a log are its records, sealed or not, and of one in memory, too', async () => {
  const one = await written()
  const found = await all(one)
  inOrder(found, one.status.sequence)
  expect(found.filter(({ error }) => error)).toEqual([])
  const other = await openEngine(todoApp(), { storage: 'memory', name: freshName() })
  for (const id of ['a', 'b', 'c']) await other.dispatch.add({ id, title: id })
  expect(ranges(await around(other, 2))).toEqual(['2-2', '3-3'])
  await other.close()
})

test('a record that is missing or can not be read is a stretch of its own, and the others are given', async () => {
  const name = freshName()
  const one = await tab(name)
  for (let i = 0; i < 5; i++) await one.dispatch.addMany({ ids: [`a${i}`, `b${i}`] })
  const commits = await dump(name, 'commits')
  await inDatabase(name, (store) => {
    store('commits').put({ ...commits[1]!.value, body: 'no JSON' }, 3)
    store('commits').put({ ...commits[3]!.value, body: '[]' }, 7)
    store('commits').delete(5)
  })
  const found = await all(one)
  expect(ranges(found)).toEqual(['1-2', '3-4 CorruptLog', '5-6 CorruptLog', '7-8 CorruptLog', '9-10'])
  await inDatabase(name, (store) => {
    store('commits').delete(1)
    store('commits').delete(9)
  })
  inOrder(await all(one), 10)
  expect((await all(one)).every(({ error }) => error)).toBe(true)
})

test('a segment that can not be read is one stretch, and those beside it are given', async () => {
  const name = freshName()
  const one = await written(name)
  const [first, second] = (await dump(name, 'segments')).map(({ value }) => value)
  await inDatabase(name, (store) => store('bodies').put(new Uint8Array([1, 2, 3]), first.body))
  const found = await all(one)
  inOrder(found, one.status.sequence)
  expect(ranges(found)[0]).toBe(`1-${first.last} CorruptLog`)
  expect(found.filter(({ error }) => error)).toHaveLength(1)
  await inDatabase(name, (store) => store('segments').delete(second.last))
  expect(ranges(await all(one)).filter((range) => range.includes('CorruptLog'))).toHaveLength(2)
})

test('a segment that is missing between two others is a stretch, too', async () => {
  const name = freshName()
  const one = await written(name)
  const [first, second] = (await dump(name, 'segments')).map(({ value }) => value)
  await inDatabase(name, (store) => store('segments').delete(first.last))
  expect(ranges(await around(one, 3))).toEqual([`3-${second.first - 1} CorruptLog`])
  expect((await around(one, second.last)).some(({ error }) => error)).toBe(false)
})

test('the newest event is given where a window begins with it, and after one that is known', async () => {
  const one = await tab(freshName())
  await one.dispatch.addMany({ ids: Array.from({ length: WINDOW_EVENTS - 1 }, (_, i) => `t${i}`) })
  await one.dispatch.add({ title: 'at the border' })
  expect(one.status.sequence).toBe(WINDOW_EVENTS)
  expect(ranges(await around(one, WINDOW_EVENTS))).toEqual([`${WINDOW_EVENTS}-${WINDOW_EVENTS}`])
  await one.dispatch.add({ title: 'one' })
  await one.dispatch.add({ title: 'two' })
  const [next, last] = [WINDOW_EVENTS + 1, WINDOW_EVENTS + 2]
  expect(ranges(await around(one, last, WINDOW_EVENTS))).toEqual([`${next}-${next}`, `${last}-${last}`])
})

test.each([
  ['a line', '[\n]'],
  ['two lines', '[\n\n]'],
])('a segment with a record whose text has %s too many is given, and says so', async (_, body) => {
  const name = freshName()
  const one = await tab(name)
  for (let i = 0; i < 5; i++) await one.dispatch.addMany({ ids: [`a${i}`, `b${i}`] })
  const commits = await dump(name, 'commits')
  await inDatabase(name, (store) => store('commits').put({ ...commits[1]!.value, body }, 3))
  const { database } = coreOf.get(one)!
  expect(await seal(database!, 10, 10, true)).toBe(true)
  inOrder(await all(one), 10)
  expect((await all(one)).some(({ error }) => error)).toBe(true)
})
