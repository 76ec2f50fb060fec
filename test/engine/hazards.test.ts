import { describe, expect, test } from 'vitest'
import { dump, inDatabase } from '../log/storage.ts'
import { tab } from './kit.ts'
import { freshName, outcome, shown } from './todos.ts'

test('hazard 11: a page full of microtasks keeps no transaction from its requests', async () => {
  const name = freshName()
  const [a, b] = [await tab(name), await tab(name)]
  let noisy = true
  // Code that awaited anything but IndexedDB inside a transaction would find it committed behind this.
  const noise = async (): Promise<void> => {
    while (noisy) {
      for (let i = 0; i < 200; i++) await undefined
      await new Promise(setImmediate)
    }
  }
  const making = [noise(), noise(), noise()]
  const answers = await Promise.all(
    Array.from({ length: 60 }, (_, i) =>
      (i % 2 ? a : b).dispatch.number(undefined, i % 3 ? {} : { commandId: `c${i}` }),
    ),
  )
  await Promise.all([a.projected(), b.projected(), a.rebuild()])
  noisy = false
  await Promise.all(making)
  expect(answers.map(({ sequence }) => sequence).sort((x = 0, y = 0) => x - y)).toEqual(answers.map((_, i) => i + 1))
  expect(shown(a).todos.map(({ title }) => title)).toEqual(answers.map((_, i) => `${i}`))
  expect(a.status.lastError).toBeUndefined()
})

describe('hazard 16, guarantee 12: a damaged record that nothing else tells is named and left as it is', () => {
  test.each([
    ['meta', 'undefined', undefined],
    ['meta', 'null', null],
    ['meta', '7', 7],
    ['meta', 'x'.repeat(100), 'x'.repeat(1000)],
    ['meta', 'other properties', []],
    ['meta', 'other properties', { id: 'x', format: Number.NaN }],
    ['types', 'undefined', undefined],
    ['types', 'null', null],
    ['types', 'todoAdded', 'todoAdded'],
    ['types', 'other properties', { type: 'todoAdded' }],
  ] as const)('in %s: %s', async (store, named, junk) => {
    const name = freshName()
    const one = await tab(name)
    await one.dispatch.add({ title: 'x' })
    await one.close()
    const { key } = (await dump(name, store)).find(({ key }) => store === 'types' || key === 'log')!
    await inDatabase(name, (to) => void to(store).put(junk, key))
    const before = await Promise.all(['commits', 'types', 'meta'].map((store) => dump(name, store)))
    const refused = await outcome(tab(name))
    expect(refused).toMatchObject({ name: 'StorageError', kind: 'unavailable' })
    const { message } = refused as Error
    for (const part of [`"tidemark:${name}"`, `"${store}"`, named, 'Open another name']) expect(message).toContain(part)
    expect(message.length).toBeLessThan(500)
    expect(await Promise.all(['commits', 'types', 'meta'].map((store) => dump(name, store)))).toEqual(before)
  })
})
