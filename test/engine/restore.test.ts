import { archive } from 'tidemark/tools'
import { describe, expect, test, vi } from 'vitest'
import { openDatabase, type Progress, removePrivate } from '../log/rooms.ts'
import { deleteDatabase, dump } from '../log/storage.ts'
import { copies, createHost } from '../projections/rooms.ts'
import { broken, logId, type Tab, tab } from './kit.ts'
import {
  addMany,
  bytesAt,
  disk,
  filesOf,
  holdFiles,
  locks,
  lose,
  lost,
  mirrored,
  off,
  sealAll,
  segment,
  tail,
} from './mirrored.ts'
import { collect, freshName, later, openTab, outcome, shown, todoApp } from './todos.ts'

const idsOf = async (one: Tab) => (await collect(one.history())).map(({ commandId }) => commandId)

describe('a lost database', () => {
  test('of which nothing in the mirror can be read begins anew, and says so', async () => {
    const name = await lost(100)
    bytesAt(name, tail)[0]! ^= 1
    const anew = await tab(name)
    expect(anew.status.sequence).toBe(0)
    expect(anew.status.lastError).toMatchObject({ kind: 'lost', message: expect.stringContaining(tail) })
  })

  test('is restored up to where a file was cut, and says so', async () => {
    const name = await lost(4000)
    const path = `tidemark-${name}/${tail}`
    disk.root.files.set(path, bytesAt(name, tail).slice(0, -1))
    const back = await tab(name)
    expect(back.status.restored).toMatchObject({ sequence: 2100 })
    expect(back.status.lastError).toMatchObject({ kind: 'lost', message: expect.stringContaining('event 2101') })
  })

  test('is restored at once though its old pipeline is still there: that one lets go by itself', async () => {
    const name = freshName()
    const one = await tab(name)
    await addMany(one, 100)
    await mirrored(one, 100)
    await deleteDatabase(name)
    const request = vi.spyOn(locks, 'request')
    expect((await tab(name)).status).toMatchObject({ sequence: 100, restored: { sequence: 100 } })
    // It would be waited for until the lock is taken from it.
    expect(request.mock.calls.filter(([, options]) => (options as LockOptions).steal)).toEqual([])
  })

  test('waits for the file that is being written while it is lost, and has its events, too', async () => {
    const name = freshName()
    const one = await tab(name)
    await addMany(one, 100)
    await mirrored(one, 100)
    const close = holdFiles()
    await one.dispatch.add({ title: 'last' })
    await close.began
    await deleteDatabase(name)
    const opening = tab(name)
    await later(100)
    close()
    expect((await opening).status).toMatchObject({ sequence: 101, restored: { sequence: 101 } })
  })

  test('that can not be filled from its mirror now is not given up: the next open does it', async () => {
    const name = await lost(100)
    const fault = broken()
    fault.onWrite = (store) => {
      if (store === 'bodies') throw new DOMException('full', 'QuotaExceededError')
    }
    expect(await outcome(openTab(name))).toMatchObject({ name: 'StorageError' })
    fault.stop()
    expect((await tab(name)).status).toMatchObject({ sequence: 100, restored: { sequence: 100 } })
  })

  test('rule 20: is restored from its mirror before the engine is ready: new log id, same lineage, the same answers', async () => {
    const name = freshName()
    const one = await tab(name)
    await one.dispatch.add({ title: 'a', id: 'a' }, { commandId: 'first' })
    await addMany(one, 300)
    await one.dispatch.toggle({ id: 'a' }, { commandId: 'second' })
    await mirrored(one, 302)
    await one.projected()
    await sealAll(name, 250, 100)
    await one.dispatch.add({ title: 'z', id: 'z' })
    await mirrored(one, 303)
    const before = shown(one)
    const commands = await idsOf(one)
    const id = await logId(name)
    const lineage = (await dump(name, 'meta')).find(({ key }) => key === 'log')!.value.lineage
    await lose(name, one)

    const told: Progress[] = []
    const back = await tab(name, {}, { onProgress: (progress) => told.push(progress) })
    expect(shown(back)).toEqual(before)
    expect(await idsOf(back)).toEqual(commands)
    expect(back.status).toMatchObject({ state: 'ready', sequence: 303 })
    expect(back.status.restored).toEqual({ sequence: 303, at: expect.closeTo(Date.now(), -5) })
    expect(back.status.lastError).toBeUndefined()
    const restoring = told.filter(({ phase }) => phase === 'restore')
    expect(restoring[0]).toEqual({ phase: 'restore', done: 0, total: 303 })
    expect(restoring.at(-1)).toEqual({ phase: 'restore', done: 303, total: 303 })
    const log = (await dump(name, 'meta')).find(({ key }) => key === 'log')!.value
    expect(log).toMatchObject({ lineage, format: 1 })
    expect(log.id).not.toBe(id)
    expect(await back.dispatch.toggle({ id: 'a' }, { commandId: 'second' })).toMatchObject({
      sequence: 302,
      duplicate: true,
    })
    expect(await outcome(back.dispatch.toggle({ id: 'z' }, { commandId: 'first' }))).toMatchObject({
      name: 'CommandIdConflict',
    })
    expect((await back.dispatch.add({ title: 'more' })).sequence).toBe(304)
    await mirrored(back, 304)
    // And once more, from what the mirror has become.
    await lose(name, back)
    const again = await tab(name)
    expect(again.status).toMatchObject({ sequence: 304, restored: { sequence: 304 } })
    expect(again.read.todos.size).toBe(303)
  })

  test('is restored once when three tabs open at the same time', async () => {
    const name = await lost(200)
    const tabs = await Promise.all([tab(name), tab(name), tab(name)])
    for (const back of tabs) expect(back.status).toMatchObject({ sequence: 200, restored: { sequence: 200 } })
    expect((await tabs[0].dispatch.add({ title: 'a' })).sequence).toBe(201)
    await vi.waitFor(() => expect(tabs.map(({ status }) => status.sequence)).toEqual([201, 201, 201]))
  })

  test('is restored at the next open when the first one ended on the way', async () => {
    const name = await lost(200)
    const abort = new AbortController()
    const given = openTab(
      name,
      {},
      {
        signal: abort.signal,
        onProgress: ({ phase, done }) => phase === 'restore' && done && abort.abort(new Error('gone')),
      },
    )
    expect(await outcome(given)).toMatchObject({ message: 'gone' })
    const back = await tab(name)
    expect(back.status).toMatchObject({ sequence: 200, restored: { sequence: 200 } })
  })

  test('a pipeline of the lost log does not take up what is still being restored', async () => {
    const name = freshName()
    const one = await tab(name)
    await one.dispatch.add({ title: 'a' })
    await mirrored(one, 1)
    const lost = createHost(todoApp() as never, 'lost', { loadMirror: copies.load })
    await lost.flush(name)
    await lose(name, one)
    const abort = new AbortController()
    const onProgress = () => abort.abort(new Error('gone'))
    expect(await outcome(openTab(name, {}, { signal: abort.signal, onProgress }))).toMatchObject({ message: 'gone' })
    expect((await lost.flush(name)).error).toMatchObject({ name: 'StorageError' })
    const back = await tab(name)
    expect((await lost.flush(name)).error).toBeUndefined()
    await back.dispatch.add({ title: 'b' })
    // It hears the hints of the log that is there now.
    await vi.waitFor(async () => {
      const checkpoints = (await dump(name, 'checkpoints')).map(({ value }) => value.sequence)
      expect(checkpoints).toEqual([2, 2, 2])
    })
    await lost.goodbye(name)
  })

  test('is restored up to what is damaged, and says so', async () => {
    const name = freshName()
    const one = await tab(name)
    await addMany(one, 500)
    await one.projected()
    await sealAll(name, 400, 200)
    await one.dispatch.add({ title: 'last' })
    await mirrored(one, 501)
    await lose(name, one)
    const bytes = bytesAt(name, segment(201, 400))
    bytes[bytes.length - 20]! ^= 1
    const back = await tab(name)
    expect(back.status).toMatchObject({ sequence: 200, restored: { sequence: 200 } })
    expect(back.status.lastError).toMatchObject({
      name: 'StorageError',
      kind: 'lost',
      message: expect.stringContaining('event 201'),
    })
    expect(back.read.todos.size).toBe(200)
    // What follows belongs to a future that is gone: its sequences go to other events.
    await back.dispatch.add({ title: 'other' })
    await mirrored(back, 201)
    expect(filesOf(name).sort()).toEqual([segment(1, 200), tail])
  })

  test('without mirror starts anew, and a removed mirror stays removed', async () => {
    const name = freshName()
    const one = await tab(name)
    await one.dispatch.add({ title: 'a' })
    await mirrored(one, 1)
    const database = await openDatabase(name, false)
    database.log = (await dump(name, 'meta')).find(({ key }) => key === 'log')!.value
    expect(await removePrivate(database)).toBe(true)
    database.close()
    expect(filesOf(name)).toEqual([])
    await mirrored(one, off('the disk is full'))
    await lose(name, one)
    const anew = await tab(name)
    expect(anew.status.sequence).toBe(0)
    expect(anew.status.restored).toBeUndefined()
    expect(anew.status.lastError).toBeUndefined()
  })

  test('is left as it is by an app that opens without a mirror', async () => {
    const name = await lost(1)
    const without = await tab(name, {}, { mirror: false })
    expect(without.status.sequence).toBe(0)
    expect((await without.dispatch.add({ title: 'anew' })).sequence).toBe(1)
  })
})

test('an archived log is restored on its base', async () => {
  const name = freshName()
  const one = await tab(name)
  await one.dispatch.add({ title: 'a', id: 'a' }, { commandId: 'first' })
  await addMany(one, 500)
  await one.projected()
  await sealAll(name, 400, 200)
  await mirrored(one, 501)
  await new Response(await archive(one, { before: 300 })).arrayBuffer()
  await one.close()
  const on = await tab(name)
  await on.dispatch.add({ title: 'z' })
  await mirrored(on, on.status.sequence)
  expect(filesOf(name)).not.toContain(segment(1, 201))
  expect(filesOf(name).some((file) => file?.endsWith('.base.tidemark'))).toBe(true)
  const before = shown(on)
  await lose(name, on)
  const back = await tab(name)
  expect(back.status).toMatchObject({ sequence: 502, restored: { sequence: 502 } })
  expect(shown(back)).toEqual(before)
  expect(await back.dispatch.add({ title: 'a', id: 'a' }, { commandId: 'first' })).toMatchObject({ duplicate: true })
})
