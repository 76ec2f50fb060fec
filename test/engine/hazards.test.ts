import { expect, test } from 'vitest'
import { tab } from './kit.ts'
import { freshName, shown } from './todos.ts'

test('hazard 11: a page full of microtasks keeps no transaction from its requests', async () => {
  const name = freshName()
  const [a, b] = [await tab(name), await tab(name)]
  let noisy = true
  // Whoever awaited anything but IndexedDB inside a transaction would find it committed behind this.
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
  expect(answers.map(({ sequence }) => sequence).sort((x, y) => x - y)).toEqual(answers.map((_, i) => i + 1))
  expect(shown(a).todos.map(({ title }) => title)).toEqual(answers.map((_, i) => `${i}`))
  expect(a.status.lastError).toBeUndefined()
})
