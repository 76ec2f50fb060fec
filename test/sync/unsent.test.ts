import { defineRemote } from 'tidemark/sync'
import { memoryRemote } from 'tidemark/testing'
import { expect, test } from 'vitest'
import type { MirrorFolder } from '../../src/copies/folder.ts'
import { tab } from '../engine/kit.ts'
import { bytesAt, disk, filesOf, lose, mirrored } from '../engine/mirrored.ts'
import { freshName, outcome, shown } from '../engine/todos.ts'
import { openDatabase } from '../log/rooms.ts'
import { dump } from '../log/storage.ts'
import { createCopy } from '../projections/rooms.ts'

const LOG = 'shared'
const UNSENT = 'outbox.unsent'
const add = (id: string) => ({ id, title: id })
const identity = async (name: string) => (await dump(name, 'meta')).find(({ key }) => key === 'log')!.value
const commitsOf = async (name: string) => (await dump(name, 'commits')).map(({ value }) => value)
const outboxOf = async (name: string): Promise<any[]> =>
  (await dump(name, 'outbox')).flatMap(({ key, value }) =>
    (key as number) >= 0 && value.body ? JSON.parse(value.body) : [],
  )

function world() {
  const server = memoryRemote()
  const device = () => {
    const network = server.device()
    const remote = defineRemote(() => network(LOG))
    return { name: freshName(), network, options: { remote } }
  }
  return { server, device }
}

/** Waits until the file of the outbox has this many commands. */
async function kept(name: string, count: number): Promise<void> {
  const { readUnsent } = await import('../../src/copies/unsent.ts')
  const parent = await disk.root.getDirectoryHandle(`tidemark-${name}`, { create: true })
  await expect.poll(async () => (await readUnsent(parent as any))?.commands.length, { timeout: 10_000 }).toBe(count)
}

test('unsent commands have a second copy: a lost database is restored with them, and with its remote', async () => {
  const { device } = world()
  const [phone, laptop] = [device(), device()]
  const a = await tab(phone.name, {}, phone.options)
  const b = await tab(laptop.name, {}, laptop.options)
  await a.dispatch.add(add('x'), { commandId: 'first' })
  await expect.poll(() => a.status.sync?.pending).toBe(0)
  await expect.poll(() => b.status.sequence).toBe(1)
  phone.network.set({ offline: true })
  await a.dispatch.add(add('mine'), { commandId: 'given' })
  await a.dispatch.number()
  const before = shown(a)
  const unsent = await outboxOf(phone.name)
  await kept(phone.name, 2)
  await mirrored(a, 1)
  await lose(phone.name, a)

  // This also holds if the app opens the log without the remote: no command may bypass the remote.
  const again = await tab(phone.name)
  expect(await identity(phone.name)).toMatchObject({ format: 3, restored: { sequence: 1 } })
  expect(again.status.sync).toMatchObject({ pending: 2 })
  expect(shown(again)).toEqual(before)
  expect(await outboxOf(phone.name)).toEqual(unsent)
  expect(await again.dispatch.add(add('mine'), { commandId: 'given' })).toMatchObject({
    duplicate: true,
    confirmed: false,
  })
  expect(await again.dispatch.add(add('more'))).toMatchObject({ confirmed: false })
  expect(await commitsOf(phone.name)).toEqual([])
  await again.close()

  const back = await tab(phone.name, {}, phone.options)
  phone.network.set({ offline: false })
  await expect.poll(() => back.status.sync, { timeout: 10_000 }).toMatchObject({ pending: 0, rejected: 0 })
  await expect.poll(() => b.status.sequence).toBe(4)
  expect(shown(b)).toEqual(shown(back))
  expect(
    back.read.todos
      .all()
      .map(({ id }) => id)
      .slice(0, 2),
  ).toEqual(['x', 'mine'])
})

test('a log that was never synchronised is restored from the outbox in its mirror, and takes over the lineage of its remote', async () => {
  const { device } = world()
  const [phone, laptop] = [device(), device()]
  phone.network.set({ offline: true })
  const a = await tab(phone.name, {}, phone.options)
  await a.dispatch.add(add('x'))
  await a.dispatch.toggle({ id: 'x' })
  const before = shown(a)
  await kept(phone.name, 2)
  expect(filesOf(phone.name)).toEqual([UNSENT])
  await lose(phone.name, a)
  const again = await tab(phone.name, {}, phone.options)
  expect(shown(again)).toEqual(before)
  expect(again.status).toMatchObject({ restored: { sequence: 0 }, sync: { pending: 2 } })
  const b = await tab(laptop.name, {}, laptop.options)
  await b.dispatch.add(add('theirs'))
  await expect.poll(() => b.status.sync?.pending, { timeout: 10_000 }).toBe(0)
  const { lineage } = await identity(phone.name)
  phone.network.set({ offline: false })
  await expect.poll(() => again.status.sync, { timeout: 10_000 }).toMatchObject({ pending: 0, state: 'online' })
  expect((await identity(phone.name)).lineage).not.toBe(lineage)
  await mirrored(again, 3)
  await again.close()
  // The files have the new lineage. Otherwise the next mirror would take them for files of another log.
  await mirrored(await tab(phone.name, {}, phone.options), 3)
})

test('an outbox file that is older than the event files sends nothing twice', async () => {
  const { device } = world()
  const [phone, laptop] = [device(), device()]
  const a = await tab(phone.name, {}, phone.options)
  const b = await tab(laptop.name, {}, laptop.options)
  phone.network.set({ offline: true })
  await a.dispatch.addOnce(add('sent'))
  await a.dispatch.addOnce(add('seat'))
  await kept(phone.name, 2)
  const older = bytesAt(phone.name, UNSENT)
  phone.network.set({ offline: false })
  await expect.poll(() => a.status.sync?.pending, { timeout: 10_000 }).toBe(0)
  await b.dispatch.rename({ id: 'seat', title: 'hers' })
  await expect.poll(() => a.status.sequence, { timeout: 10_000 }).toBe(3)
  await mirrored(a, 3)
  await kept(phone.name, 0)
  await lose(phone.name, a)
  disk.root.files.set(`tidemark-${phone.name}/${UNSENT}`, older)
  const again = await tab(phone.name, {}, phone.options)
  await expect
    .poll(() => again.status.sync, { timeout: 10_000 })
    .toMatchObject({ pending: 0, rejected: 0, state: 'online' })
  expect(again.status.sequence).toBe(3)
  expect(shown(again)).toEqual(shown(b))
})

test('a command that was decided on fewer events than were restored is decided again', async () => {
  const { device } = world()
  const [phone, laptop] = [device(), device()]
  const a = await tab(phone.name, {}, phone.options)
  const b = await tab(laptop.name, {}, laptop.options)
  phone.network.set({ offline: true })
  await a.dispatch.addOnce({ id: 'seat', title: 'mine' })
  await kept(phone.name, 1)
  const older = bytesAt(phone.name, UNSENT)
  await b.dispatch.addOnce({ id: 'seat', title: 'hers' })
  await expect.poll(() => b.status.sync?.pending, { timeout: 10_000 }).toBe(0)
  phone.network.set({ offline: false })
  await expect.poll(() => a.status.sync, { timeout: 10_000 }).toMatchObject({ pending: 0, rejected: 1 })
  await mirrored(a, 1)
  await kept(phone.name, 0)
  await lose(phone.name, a)
  disk.root.files.set(`tidemark-${phone.name}/${UNSENT}`, older)
  const again = await tab(phone.name, {}, phone.options)
  await expect.poll(() => again.status.sync, { timeout: 10_000 }).toMatchObject({ pending: 0, rejected: 1 })
  expect(again.read.todos.get('seat')?.title).toBe('hers')
  expect(again.status.sequence).toBe(1)
})

test('lost events are read from the remote again, and the command that was decided on them is decided again', async () => {
  const { device } = world()
  const [phone, laptop] = [device(), device()]
  const a = await tab(phone.name, {}, phone.options)
  const b = await tab(laptop.name, {}, laptop.options)
  await a.dispatch.add(add('x'))
  await expect.poll(() => a.status.sync?.pending).toBe(0)
  await mirrored(a, 1)
  await expect.poll(() => b.status.sequence).toBe(1)
  const tail = bytesAt(phone.name, 'tail.tidemark')
  await b.dispatch.rename({ id: 'x', title: 'hers' })
  await expect.poll(() => a.status.sequence).toBe(2)
  phone.network.set({ offline: true })
  await a.dispatch.rename({ id: 'x', title: 'mine' })
  await kept(phone.name, 1)
  await mirrored(a, 2)
  await lose(phone.name, a)
  disk.root.files.set(`tidemark-${phone.name}/tail.tidemark`, tail)
  const again = await tab(phone.name, {}, phone.options)
  expect(again.status).toMatchObject({ sequence: 1, sync: { pending: 1 } })
  phone.network.set({ offline: false })
  await expect.poll(() => again.status.sync, { timeout: 10_000 }).toMatchObject({ pending: 0, rejected: 0 })
  await expect.poll(() => b.read.todos.get('x')?.title, { timeout: 10_000 }).toBe('mine')
  expect(again.status.sequence).toBe(3)
})

test('a damaged outbox file is reported, and the remote is still used', async () => {
  const { device } = world()
  const phone = device()
  const a = await tab(phone.name, {}, phone.options)
  await a.dispatch.add(add('x'))
  await expect.poll(() => a.status.sync?.pending).toBe(0)
  await mirrored(a, 1)
  await kept(phone.name, 0)
  await lose(phone.name, a)
  disk.root.files.set(`tidemark-${phone.name}/${UNSENT}`, bytesAt(phone.name, UNSENT).slice(0, -3))
  const again = await tab(phone.name)
  expect(await identity(phone.name)).toMatchObject({ format: 3 })
  expect(again.status.lastError?.message).toContain('not sent are damaged')
  expect(await outcome(again.dispatch.add(add('y')))).toMatchObject({ confirmed: false })
})

/** A file beside the events, whose content is read while `during` runs. */
const fileThat = (during: () => unknown) => async () => {
  await during()
  return (folder: MirrorFolder) => folder.put('beside.file', [{ bytes: new Uint8Array([1]) }])
}

test('the file of the reactions is older than the file of the outbox, so it may miss a settled event but never a command', async () => {
  const { device } = world()
  const phone = device()
  phone.network.set({ offline: true })
  const a = await tab(phone.name, {}, { ...phone.options, mirror: false })
  await a.dispatch.add(add('x'))
  const database = await openDatabase(phone.name, false)
  const separateFile = fileThat(() => a.dispatch.add(add('meanwhile')))
  const copy = await createCopy({ database, separateFile }, disk.root, true, new AbortController().signal)
  expect(await copy.round()).toBe('whole')
  database.close()
  await kept(phone.name, 2)
})

test('the file of the reactions is written first, and not again while the files of the events are behind it', async () => {
  const name = freshName()
  const a = await tab(name, {}, { mirror: false })
  // One round reads fewer events than these.
  for (let n = 0; n < 33; n++) await a.dispatch.addMany({ ids: Array.from({ length: 1000 }, (_, i) => `${n} ${i}`) })
  const database = await openDatabase(name, false)
  const written: (string | undefined)[][] = []
  const separateFile = async () => async () => void written.push(filesOf(name))
  const copy = await createCopy({ database, separateFile }, disk.root, true, new AbortController().signal)
  expect(await copy.round()).toBe('more')
  expect(written).toEqual([[]])
  expect(await copy.round()).toBe('whole')
  expect(written).toEqual([[], filesOf(name)])
  database.close()
})
