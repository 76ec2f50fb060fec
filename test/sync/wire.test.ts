import { expect, test } from 'vitest'
import { openDatabase } from '../../src/log/database.ts'
import { seal } from '../../src/log/seal.ts'
import { openMessage } from '../../src/sync/message.ts'
import { tab } from '../engine/kit.ts'
import { dump } from '../log/storage.ts'
import { devices, LOG } from './devices.ts'

/** The most bytes of a message header. */
const HEADER_BYTES = 400

test('a push of one command has at most 400 bytes in addition to its body', async () => {
  const { device, server } = devices()
  const a = await device().open()
  await a.dispatch.add({ id: 'x', title: 'x'.repeat(5000) }, { durability: 'remote' })
  await a.dispatch.add({ id: 'y', title: 'y' }, { durability: 'remote', commandId: 'given' })
  const messages = server.messages(LOG)
  expect(messages).toHaveLength(2)
  for (const { message } of messages) {
    const opened = await openMessage(message)
    const body = opened.is === 'message' ? opened.commits.map(({ record }) => record.body).join('') : ''
    expect(body).not.toBe('')
    expect(message.length).toBeLessThanOrEqual(HEADER_BYTES + new TextEncoder().encode(body).length)
  }
})

test('an upload takes at most 1.2 times the bytes of the log on the disk', async () => {
  const { device, server } = devices()
  const phone = device()
  const before = await tab(phone.name, {}, { mirror: false })
  for (let n = 0; n < 40; n++)
    await Promise.all(
      Array.from({ length: 100 }, (_, i) =>
        before.dispatch.add({ id: `todo ${n} ${i}`, title: `Buy ${i * 37} litres` }),
      ),
    )
  await before.projected()
  await before.close()
  const database = await openDatabase(phone.name)
  while (await seal(database, 4000, undefined, true));
  database.close()
  const stored = (await dump(phone.name, 'bodies')).reduce((sum, { value }) => sum + (value.length ?? 0), 0)
  expect(stored).toBeGreaterThan(20_000)
  const a = await phone.open()
  await expect.poll(() => a.status.sync).toMatchObject({ state: 'online', pending: 0, progress: undefined })
  await expect.poll(() => server.messages(LOG).length).toBeGreaterThan(0)
  const sent = server.messages(LOG).reduce((sum, { message }) => sum + message.length, 0)
  expect(sent).toBeGreaterThan(0)
  expect(sent / stored).toBeLessThanOrEqual(1.2)
})
