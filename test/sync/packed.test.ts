import { CommandIdConflict } from 'tidemark'
import { expect, test } from 'vitest'
import { openMessage, packMessage } from '../../src/sync/message.ts'
import { outcome } from '../engine/todos.ts'
import { dump } from '../log/storage.ts'
import { type Device, devices, LOG, putSingle } from './devices.ts'

const soon = { timeout: 20_000 }
const keysOf = async ({ name }: Device, store: string) => (await dump(name, store)).map(({ key }) => Number(key))
const titles = (count: number) => Array.from({ length: count }, (_, i) => `${i + 1}`)

test('a new device seals what it takes at once, and its next commits are records after that', async () => {
  const { device, server } = devices()
  await putSingle(server, 1, 600)
  const phone = device()
  const a = await phone.open()
  await expect.poll(() => a.status.sequence, soon).toBe(600)
  expect(await keysOf(phone, 'segments')).toEqual([600])
  expect(await keysOf(phone, 'commits')).toEqual([])
  await a.dispatch.add({ id: 'own', title: 'own' })
  await expect.poll(() => a.status.sequence, soon).toBe(601)
  // These commits are many, too. But records below a segment are not part of the log, so after a commit that is not sealed they stay records.
  const [own] = await dump(phone.name, 'commits')
  await putSingle(server, 602, 1300, own?.value.id)
  await expect.poll(() => a.status.sequence, soon).toBe(1300)
  expect(await keysOf(phone, 'segments')).toEqual([600])
  expect(await keysOf(phone, 'commits')).toEqual(Array.from({ length: 700 }, (_, i) => 601 + i))
  await a.close()
  // Another page reads the same log from the database.
  const again = await phone.open()
  const all = [...titles(600), 'own', ...titles(1300).slice(601)]
  expect(again.read.todos.size).toBe(1300)
  const past: string[] = []
  for await (const { data } of again.history()) past.push((data as { readonly id: string }).id)
  expect(past).toEqual(all)
})

test('a device that has commands to send takes records', async () => {
  const { device, server } = devices()
  const laptop = device()
  laptop.network.set({ offline: true })
  const a = await laptop.open()
  await a.dispatch.add({ id: 'own', title: 'own' })
  await putSingle(server, 1, 600)
  laptop.network.set({ offline: false })
  await expect.poll(() => a.status.sequence, soon).toBe(601)
  expect(await keysOf(laptop, 'segments')).toEqual([])
  expect(await keysOf(laptop, 'commits')).toHaveLength(601)
})

test('S5: a command id in commits that a device seals at once is known, also after a restart', async () => {
  const before = devices()
  const todo = { id: 'own', title: 'own' }
  await (await before.device().open()).dispatch.add(todo, { commandId: 'given', durability: 'remote' })
  const opened = await openMessage(before.server.messages(LOG)[0]!.message)
  if (opened.is !== 'message') throw new Error('it is a message')
  const { device, server } = devices()
  const [first] = opened.commits
  server.put(LOG, await packMessage([first!.record], { after: '', lineage: 'lineage' }))
  await putSingle(server, 2, 600, first!.record.id)
  const phone = device()
  for (let visit = 0; visit < 2; visit++) {
    const a = await phone.open()
    await expect.poll(() => a.status.sequence, soon).toBe(600)
    expect(await keysOf(phone, 'segments')).toEqual([600])
    expect(await a.dispatch.add(todo, { commandId: 'given' })).toMatchObject({ duplicate: true, sequence: 1 })
    const other = a.dispatch.add({ ...todo, title: 'other' }, { commandId: 'given' })
    expect(await outcome(other)).toBeInstanceOf(CommandIdConflict)
    await a.close()
  }
})
