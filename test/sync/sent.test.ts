import { expect, test } from 'vitest'
import { dump, inDatabase } from '../log/storage.ts'
import { devices } from './devices.ts'

const DAY_MS = 24 * 60 * 60 * 1000
const add = (id: string) => ({ id, title: id })
const soon = { timeout: 10_000 }

/** A device whose own commands are in the log, one per commit. */
async function sent(count: number) {
  const { device } = devices()
  const phone = device()
  let one = await phone.open()
  for (let i = 0; i < count; i++) {
    await one.dispatch.add(add(`t${i}`))
    await expect.poll(() => one.status.sequence, soon).toBe(i + 1)
  }
  const keys = async () => (await dump(phone.name, 'sent')).map(({ key }) => key)
  const change = (key: number, value: object) =>
    inDatabase(phone.name, (store) => {
      const found = store('sent').get(key)
      found.onsuccess = () => store('sent').put({ ...found.result, ...value }, key)
    })
  /** Sends another command, by a follower that has not read the kept commands. */
  const next = async () => {
    const { sequence } = one.status
    await one.close()
    one = await phone.open()
    await expect.poll(() => one.status.sync?.state, soon).toBe('online')
    await one.dispatch.add(add('next'))
    await expect.poll(() => one.status.sequence, soon).toBe(sequence + 1)
  }
  return { name: phone.name, keys, change, next }
}

test('own commands in the log are kept as they were sent, with the total size up to each', async () => {
  const { name, keys } = await sent(2)
  expect(await keys()).toEqual([1, 2])
  const [one, two] = await dump(name, 'sent')
  expect(JSON.parse(two!.value.body)).toMatchObject([{ name: 'add', input: add('t1') }])
  expect(two!.value.total).toBe(one!.value.body.length + two!.value.body.length)
})

test('kept commands are forgotten after 30 days, when the next commands are stored', async () => {
  const { keys, change, next } = await sent(3)
  await change(1, { at: Date.now() - 31 * DAY_MS })
  await change(2, { at: Date.now() - 29 * DAY_MS })
  await next()
  expect(await keys()).toEqual([2, 3, 4])
})

test('above 10 MB, the oldest kept commands are forgotten, and no more than necessary', async () => {
  const { keys, change, next } = await sent(3)
  await change(1, { body: 'x'.repeat(6_000_000), total: 6_000_000 })
  await change(2, { body: 'x'.repeat(6_000_000), total: 12_000_000 })
  await change(3, { total: 12_000_000 + 500 })
  await next()
  expect(await keys()).toEqual([2, 3, 4])
})
