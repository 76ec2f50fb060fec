import { destroy } from 'tidemark/tools'
import { describe, expect, test, vi } from 'vitest'
import { deleteDatabase } from '../../log/storage.ts'
import { atEnd, tab } from '../kit.ts'
import { disk, filesOf, locks, mirrored } from '../mirrored.ts'
import { freshName, later, outcome } from '../todos.ts'
import { written } from './files.ts'

describe('destroy', () => {
  test('closes the log in every tab and deletes it', async () => {
    const name = freshName()
    const [one, two] = [await written(name), await tab(name)]
    await later(50)
    await destroy(one)
    await expect.poll(() => two.status.state).toBe('closed')
    for (const each of [one, two])
      await expect(each.dispatch.add({ title: 'late' })).rejects.toMatchObject({
        name: 'EngineClosed',
        reason: 'destroyed',
      })
    expect((await indexedDB.databases()).map((one) => one.name)).not.toContain(`tidemark:${name}`)
    expect((await tab(name)).status.sequence).toBe(0)
  })

  test('leaves nothing of a mirror whose first file is being written', async () => {
    const name = freshName()
    const one = await tab(name)
    await mirrored(one, 0)
    const { getDirectoryHandle } = disk.root
    disk.root.getDirectoryHandle = async (...given) => {
      if (given[1]?.create) await later(200)
      return getDirectoryHandle(...given)
    }
    await one.dispatch.add({ title: 'a' })
    await later(550)
    await destroy(one)
    await later(400)
    expect(filesOf(name)).toEqual([])
    expect((await tab(name)).status.sequence).toBe(0)
  })

  test('resolves in both tabs if two tabs call it at once', async () => {
    const name = freshName()
    const [one, two] = [await tab(name), await tab(name)]
    await one.dispatch.add({ title: 'a' })
    await mirrored(one, 1)
    await Promise.all([destroy(one), destroy(two)])
    expect(filesOf(name)).toEqual([])
    expect((await tab(name)).status.sequence).toBe(0)
  })

  describe('while another tab takes its place', () => {
    /** `destroy` in the middle: its first removal waits until it is let go, and has to be repeated then. */
    async function halted() {
      const name = freshName()
      const one = await tab(name)
      await one.dispatch.add({ title: 'a' })
      await mirrored(one, 1)
      const { removeEntry } = disk.root
      let release = () => {}
      const held = new Promise<void>((resolve) => (release = resolve))
      let begin = () => {}
      const began = new Promise<void>((resolve) => (begin = resolve))
      disk.root.removeEntry = async () => {
        disk.root.removeEntry = removeEntry
        begin()
        await held
        throw new DOMException('a file is being written', 'NoModificationAllowedError')
      }
      const destroyed = outcome(destroy(one))
      await began
      return { name, destroyed, release }
    }
    const take = (name: string, task: () => Promise<unknown>) =>
      locks.request(`tidemark/mirror/${name}`, { steal: true }, task)

    test('leaves alone a log that began meanwhile, and its mirror', async () => {
      const { name, destroyed, release } = await halted()
      await take(name, async () => {
        await disk.root.removeEntry(`tidemark-${name}`, { recursive: true })
        await deleteDatabase(name)
      })
      const anew = await tab(name)
      await anew.dispatch.add({ title: 'b' })
      await mirrored(anew, 1)
      release()
      expect(await destroyed).toBeUndefined()
      expect(anew.status).toMatchObject({ state: 'ready', sequence: 1 })
      expect(filesOf(name)).toEqual(['tail.tidemark'])
      await anew.dispatch.add({ title: 'c' })
      await mirrored(anew, 2)
    })

    test('ends what the other one began, if that one goes away halfway', async () => {
      const { name, destroyed, release } = await halted()
      await take(name, async () => {})
      release()
      expect(await destroyed).toBeUndefined()
      expect(filesOf(name)).toEqual([])
      const anew = await tab(name)
      expect(anew.status.sequence).toBe(0)
      expect(anew.status.restored).toBeUndefined()
    })
  })

  test('removes the mirror with the log: nothing is restored', async () => {
    const name = freshName()
    const [one, two] = [await tab(name), await tab(name)]
    await one.dispatch.add({ title: 'a' })
    await mirrored(two, 1)
    await destroy(one)
    expect(filesOf(name)).toEqual([])
    expect(await outcome(two.dispatch.add({ title: 'b' }))).toMatchObject({ name: 'EngineClosed' })
    const anew = await tab(name)
    expect(anew.status.sequence).toBe(0)
    expect(anew.status.restored).toBeUndefined()
    await anew.dispatch.add({ title: 'c' })
    await mirrored(anew, 1)
  })

  describe('while a connection elsewhere stays open', () => {
    /** A page that does not get the event that it has to close. */
    const keepOpen = (name: string): Promise<IDBDatabase> =>
      new Promise((resolve) => {
        const request = indexedDB.open(`tidemark:${name}`)
        request.onsuccess = () => resolve(request.result)
      })
    const databases = async () => (await indexedDB.databases()).map(({ name }) => name)

    test('says so, gives up after 30 seconds with what to close, and the browser deletes it later', async () => {
      const name = freshName()
      const one = await written(name)
      const kept = await keepOpen(name)
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
      atEnd(() => vi.useRealTimers())
      const phases: string[] = []
      const destroyed = outcome(destroy(one, { onProgress: ({ phase }) => phases.push(phase) }))
      await vi.waitFor(() => expect(phases).toEqual(['blocked']))
      await vi.advanceTimersByTimeAsync(30_000)
      expect(await destroyed).toMatchObject({ name: 'StorageError', kind: 'blocked' })
      expect(String(await destroyed)).toMatch(/Close the other tabs/)
      vi.useRealTimers()
      kept.close()
      await expect.poll(databases).not.toContain(`tidemark:${name}`)
    })

    test('resolves if it is closed in time', async () => {
      const name = freshName()
      const one = await written(name)
      const kept = await keepOpen(name)
      const destroyed = destroy(one, { onProgress: () => kept.close() })
      await destroyed
      expect(await databases()).not.toContain(`tidemark:${name}`)
    })
  })

  test('rejects with a typed error if the mirror can not be removed, and a later call removes everything', async () => {
    const name = freshName()
    const one = await tab(name)
    await one.dispatch.add({ title: 'a' })
    await mirrored(one, 1)
    const { removeEntry } = disk.root
    disk.root.removeEntry = () => Promise.reject(new DOMException('not now', 'UnknownError'))
    const failed = await outcome(destroy(one))
    disk.root.removeEntry = removeEntry
    expect(failed).toMatchObject({ name: 'StorageError', kind: 'unknown' })
    const again = await tab(name)
    expect(again.status.sequence).toBe(1)
    await destroy(again)
    expect(filesOf(name)).toEqual([])
    expect((await tab(name)).status.sequence).toBe(0)
  })

  test('deletes nothing while the private files can not be looked at: the log would come back', async () => {
    const name = freshName()
    const one = await tab(name)
    await one.dispatch.add({ title: 'a' })
    await mirrored(one, 1)
    const { storage } = navigator
    const { getDirectory } = storage
    storage.getDirectory = () => Promise.reject(new DOMException('not now', 'UnknownError'))
    expect(await outcome(destroy(one))).toMatchObject({ name: 'StorageError', kind: 'unknown' })
    storage.getDirectory = getDirectory
    const again = await tab(name)
    expect(again.status.sequence).toBe(1)
    await destroy(again)
    expect((await tab(name)).status.sequence).toBe(0)
  })
})
