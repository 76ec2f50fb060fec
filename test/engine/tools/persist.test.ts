import { persist } from 'tidemark/tools'
import { expect, test, vi } from 'vitest'
import { tab } from '../kit.ts'
import { freshName } from '../todos.ts'

/** A browser that keeps the storage once it is asked to, or when its settings say so. */
function browser(answer = true) {
  const storage = {
    kept: false,
    persist: async () => (storage.kept ||= answer),
    persisted: async () => storage.kept,
  }
  vi.stubGlobal('navigator', { storage })
  return storage
}

test('persist says what the browser answers, and false if it can not be asked', async () => {
  expect(await persist()).toBe(false)
  browser()
  expect(await persist()).toBe(true)
  browser(false)
  expect(await persist()).toBe(false)
  vi.stubGlobal('navigator', { storage: { persist: () => Promise.reject(new TypeError('opaque origin')) } })
  expect(await persist()).toBe(false)
})

test('an engine that is open shows that its storage is kept as soon as the browser says so', async () => {
  browser()
  const a = await tab(freshName())
  await expect.poll(() => a.status.worker).toBe('in-page')
  expect(a.status.storage).toBe('best-effort')
  const told: string[] = []
  a.subscribe(() => told.push(a.status.storage))
  await persist()
  await expect.poll(() => a.status.storage).toBe('persistent')
  expect(told.filter((storage) => storage === 'persistent')).toHaveLength(1)
})

test("what the browser's settings changed is shown when the page is looked at again", async () => {
  const page = new EventTarget()
  vi.stubGlobal('addEventListener', page.addEventListener.bind(page))
  vi.stubGlobal('removeEventListener', page.removeEventListener.bind(page))
  const storage = browser()
  const a = await tab(freshName())
  await expect.poll(() => a.status.worker).toBe('in-page')
  storage.kept = true
  page.dispatchEvent(new Event('focus'))
  await expect.poll(() => a.status.storage).toBe('persistent')
})
