import { openEngine, RemoteError } from 'tidemark'
import { defineRemote } from 'tidemark/sync'
import { afterEach, expect, test, vi } from 'vitest'
import { expectFollower } from '../../src/engine/shared/follower.ts'
import { tab } from '../engine/kit.ts'
import { freshName, todoApp } from '../engine/todos.ts'
import { commitsOf, devices, LOG, outboxOf } from './devices.ts'

const add = (id: string) => ({ id, title: id })

afterEach(() => {
  vi.restoreAllMocks()
  vi.useRealTimers()
})

test('the error of a remote is a RemoteError in every tab, and a new tab reports it at once', async () => {
  const { device } = devices()
  const phone = device()
  phone.network.set({ denied: true })
  const a = await phone.open()
  await expect.poll(() => a.status.sync?.state, { timeout: 10_000 }).toBe('denied')
  expect(a.status.sync?.error).toBeInstanceOf(RemoteError)
  expect(a.status.sync?.error).toMatchObject({ kind: 'denied' })
  const b = await phone.open()
  await expect.poll(() => b.status.sync?.state).toBe('denied')
})

test('a log in memory does not use its remote, and status says so', async () => {
  const warned = vi.spyOn(console, 'warn').mockImplementation(() => {})
  const { server, device } = devices()
  const { network } = device()
  const engine = await openEngine(todoApp(), {
    name: freshName(),
    storage: 'memory',
    remote: defineRemote(() => network(LOG)),
  })
  await expect.poll(() => engine.status.sync).toMatchObject({ state: 'waiting', error: { name: 'StorageError' } })
  expect(engine.status.sync?.error?.message).toContain('is in memory')
  expect(warned).toHaveBeenCalledOnce()
  expect(await engine.dispatch.add(add('x'))).toMatchObject({ sequence: 1 })
  expect(server.messages(LOG)).toHaveLength(0)
  await engine.close()
})

test('status says if no worker follows the remote, for example because the worker has no remote', () => {
  vi.useFakeTimers()
  const warned = vi.spyOn(console, 'warn').mockImplementation(() => {})
  const posted: unknown[] = []
  const core = { name: 'todos', logId: 'log', ended: new AbortController().signal, changed: () => {}, sync: undefined }
  expectFollower({ ...core, channel: { post: (hint: unknown) => posted.push(hint) } } as never)
  expect(posted).toEqual([{ log: 'log', asks: 'sync' }])
  const silent = { ...core, channel: { post: () => {} } } as unknown as Parameters<typeof expectFollower>[0]
  expectFollower(silent)
  vi.advanceTimersByTime(60_000)
  expect(silent.sync).toMatchObject({ state: 'waiting', error: { name: 'ModelError' } })
  expect(silent.sync?.error?.message).toContain('hostProjections')
  expect(warned).toHaveBeenCalled()
})

test('history ends with the commands that the remote has not ordered yet, and marks them', async () => {
  const { device } = devices()
  const phone = device()
  const a = await phone.open()
  await a.dispatch.add(add('x'), { durability: 'remote' })
  phone.network.set({ offline: true })
  await a.dispatch.add(add('y'))
  await a.dispatch.rename({ id: 'x', title: 'later' })
  const all = async (options?: Parameters<typeof a.history>[0]) => {
    const found = []
    for await (const { sequence, type, pending } of a.history(options)) found.push([sequence, type, pending])
    return found
  }
  const local = [
    [2, 'todoAdded', true],
    [3, 'todoRenamed', true],
  ]
  expect(await all()).toEqual([[1, 'todoAdded', undefined], ...local])
  expect(await all({ reverse: true, limit: 2 })).toEqual([...local].reverse())
  expect(await all({ table: 'todos', key: 'x' })).toEqual([[1, 'todoAdded', undefined], local[1]])
  expect(await all({ after: 2 })).toEqual([local[1]])
  phone.network.set({ offline: false })
  await expect.poll(() => a.status.sync?.pending, { timeout: 10_000 }).toBe(0)
  expect((await all()).map(([, , pending]) => pending)).toEqual([undefined, undefined, undefined])
})

/** Appends 3 MB that compress badly, in 40 commits. */
async function large(name: string): Promise<void> {
  const before = await tab(name, {}, { mirror: false })
  for (let i = 0; i < 40; i++) {
    const title = Array.from({ length: 60_000 }, () => Math.random().toString(36)[2]).join('')
    await before.dispatch.add({ id: `${i}`, title })
  }
  await before.close()
}

test('an upload reports its progress and resumes where it stopped; a download reports its progress too', async () => {
  const { device, server, log } = devices()
  const [phone, laptop] = [device(), device()]
  await large(phone.name)
  phone.network.set({ latency: 20 })
  const a = await phone.open()
  const seen: (readonly [number, number])[] = []
  a.subscribe(() => {
    const { progress } = a.status.sync ?? {}
    if (progress) seen.push([progress.done, progress.total])
  })
  await expect.poll(() => server.messages(LOG).length, { timeout: 20_000 }).toBeGreaterThan(3)
  // The tab is closed in the middle.
  await a.close()
  const b = await phone.open()
  await expect.poll(async () => (await log()).ids.length, { timeout: 30_000 }).toBe(40)
  await expect.poll(() => b.status.sync?.progress).toBeUndefined()
  expect(seen.length).toBeGreaterThan(1)
  expect(seen.every(([done, total], i) => total === 40 && done >= (seen[i - 1]?.[0] ?? 0))).toBe(true)
  // No part was sent twice: the next reader finds an append whose answer was lost.
  expect((await log()).messages).toBeLessThan(40)

  const c = await laptop.open()
  const phases = new Set<string | undefined>()
  c.subscribe(() => phases.add(c.status.sync?.progress?.phase))
  await expect.poll(() => c.status.sequence, { timeout: 20_000 }).toBe(40)
  expect(phases).toContain('download')
  await expect.poll(() => c.status.sync).toMatchObject({ behind: 0, state: 'online' })
  expect(c.status.sync?.progress).toBeUndefined()
  expect(await outboxOf(laptop.name)).toEqual([])
  expect((await commitsOf(laptop.name)).length).toBeGreaterThan(0)
}, 90_000)
