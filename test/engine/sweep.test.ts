import { beforeEach, expect, test, vi } from 'vitest'
import { dump, inDatabase } from '../log/storage.ts'
import { tab } from './kit.ts'
import { freshName, later } from './todos.ts'

interface Request {
  readonly mode: 'shared' | 'exclusive'
  readonly start: () => void
  held: boolean
}

/** Web Locks for one page, which Node does not have. */
function locks() {
  const queues = new Map<string, Request[]>()
  const move = (queue: Request[]): void => {
    for (const one of queue) {
      const before = queue.slice(0, queue.indexOf(one))
      if (before.some(({ mode }) => mode === 'exclusive') || (one.mode === 'exclusive' && before.length)) return
      if (!one.held) {
        one.held = true
        one.start()
      }
    }
  }
  return {
    request(name: string, ...rest: any[]): Promise<unknown> {
      const callback = rest.pop()
      const { mode = 'exclusive', ifAvailable, signal } = rest[0] ?? {}
      const queue = queues.get(name) ?? []
      queues.set(name, queue)
      if (ifAvailable && queue.some((one) => mode === 'exclusive' || one.mode === 'exclusive'))
        return Promise.resolve(callback(null))
      return new Promise((resolve, reject) => {
        const leave = (): void => {
          queue.splice(queue.indexOf(one), 1)
          move(queue)
        }
        const one: Request = {
          mode,
          held: false,
          start: () => Promise.resolve(callback({ name, mode })).finally(leave).then(resolve, reject),
        }
        signal?.addEventListener('abort', () => {
          if (one.held) return
          leave()
          reject(signal.reason)
        })
        queue.push(one)
        move(queue)
      })
    },
  }
}
beforeEach(() => {
  vi.stubGlobal('navigator', { locks: locks() })
})

const identities = async (name: string): Promise<string[]> =>
  [...new Set((await dump(name, 'checkpoints')).map(({ key }) => key[0] as string))].sort()
const versions = async (name: string): Promise<string[]> =>
  (await identities(name)).filter((one) => one.startsWith('titles@')).map((one) => one.slice(0, 'titles@1'.length))

/** Longer than a pipeline waits for quiet. */
const quietly = (): Promise<void> => later(1600)

test('rule 16: a version that nobody holds is swept, pages with their checkpoint, and the ones in use stay', async () => {
  const name = freshName()
  const old = await tab(name)
  await old.dispatch.add({ id: 'x', title: 'x' })
  await old.projected()
  await old.close()
  const now = await tab(name, { version: 2 })
  await now.projected()
  expect(await versions(name)).toEqual(['titles@1', 'titles@2'])
  await expect.poll(() => versions(name), { timeout: 30_000 }).toEqual(['titles@2'])
  expect((await identities(name)).length).toBe(3)
  const kept = await identities(name)
  for (const { key } of await dump(name, 'pages')) expect(kept).toContain(key[0])
  expect(now.read.titles.all()).toEqual([{ title: 'x', times: 1 }])
})

test('rule 16: a version that another tab holds is not swept while it is open', async () => {
  const name = freshName()
  const old = await tab(name)
  await old.dispatch.add({ id: 'x', title: 'x' })
  await old.projected()
  const now = await tab(name, { version: 2 })
  await now.dispatch.add({ id: 'y', title: 'y' })
  await now.projected()
  await quietly()
  expect(await versions(name)).toContain('titles@1')
})

test('rule 16: a build that no rebuild works on is swept when it has not moved between two sweeps', async () => {
  const name = freshName()
  const a = await tab(name)
  await a.dispatch.add({ id: 'x', title: 'x' })
  await a.projected()
  await a.close()
  const [checkpoint] = (await dump(name, 'checkpoints')).filter(({ key }) => key[0].startsWith('todos@'))
  await inDatabase(name, (store) => {
    store('checkpoints').put({ ...checkpoint!.value, build: 'left' }, [checkpoint!.key[0], 'left'])
    store('pages').put({ page: 0, rows: [] }, [checkpoint!.key[0], 'left', 0])
  })
  vi.spyOn(performance, 'now').mockImplementation(() => 0)
  const b = await tab(name)
  await b.projected()
  await quietly()
  const left = async () => (await dump(name, 'checkpoints')).filter(({ value }) => value.build === 'left').length
  expect(await left()).toBe(1)
  vi.spyOn(performance, 'now').mockImplementation(() => 100_000)
  await b.dispatch.add({ id: 'y', title: 'y' })
  await b.projected()
  await expect.poll(left, { timeout: 30_000 }).toBe(0)
  vi.restoreAllMocks()
  expect((await dump(name, 'pages')).filter(({ key }) => key[1] === 'left')).toEqual([])
  expect(b.read.todos.size).toBe(2)
})

test('where there are no Web Locks nothing is swept', async () => {
  vi.stubGlobal('navigator', {})
  const name = freshName()
  const old = await tab(name)
  await old.dispatch.add({ id: 'x', title: 'x' })
  await old.projected()
  await old.close()
  const now = await tab(name, { version: 2 })
  await now.projected()
  await quietly()
  expect(await versions(name)).toEqual(['titles@1', 'titles@2'])
})
