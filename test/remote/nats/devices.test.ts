import { join } from 'node:path'
import { defineRemote } from 'tidemark/sync'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { natsRemote } from '../../../src/nats.ts'
import { type Tab, tab } from '../../engine/kit.ts'
import { freshName, shown } from '../../engine/todos.ts'
import { createLocks } from '../../engine/tools/locks.ts'
import { commitsOf, outboxOf, rejectedOf } from '../../sync/devices.ts'
import { cutBlocks } from './blocks.ts'
import { HOOK_MS, hasNatsServer, memberPermissions, type NatsServer, startNatsServer } from './server.ts'

const WAIT = { timeout: 60_000 }
const TEST_MS = 240_000

beforeEach(() => {
  vi.stubGlobal('navigator', { locks: createLocks() })
})

describe.skipIf(!hasNatsServer())('two devices with two tabs each, on a server that dies', () => {
  let server: NatsServer
  beforeAll(async () => {
    server = await startNatsServer(`
authorization { users = [
  { user: admin, password: admin }
  { user: member, password: member, permissions: ${memberPermissions('tm_shared', 'tm_shared', '_INBOX_member')} }
] }`)
    await server.admin((jsm) => jsm.streams.add({ name: 'tm_shared', subjects: ['tm_shared'] }))
  }, HOOK_MS)
  afterAll(() => server?.remove())

  const device = async (): Promise<{ readonly name: string; readonly tabs: readonly Tab[] }> => {
    const name = freshName()
    const open = natsRemote({
      servers: server.url,
      credentials: () => ({ user: 'member', pass: 'member', inboxPrefix: '_INBOX_member' }),
    })
    const remote = defineRemote(() => open('shared'))
    const options = { remote, mirror: false }
    return { name, tabs: [await tab(name, {}, options), await tab(name, {}, options)] }
  }

  it(
    'no acknowledged command is lost or doubled, and both devices have the same log',
    async () => {
      const devices = [await device(), await device()]
      const tabs = devices.flatMap((one) => one.tabs)
      const acknowledged: string[] = []
      const write = (round: string): Promise<unknown> =>
        Promise.all(
          tabs
            .flatMap((one, t) =>
              [0, 1, 2].map(async (i) => {
                const commandId = `${round} ${t} ${i}`
                // Every device wants the same seat.
                await one.dispatch.addOnce({ id: i ? commandId : `seat of ${round}`, title: commandId }, { commandId })
                acknowledged.push(commandId)
              }),
            )
            .map((one) => one.catch((error: Error) => expect(error.name).toBe('CommandRejected'))),
        )
      const agree = async (): Promise<void> => {
        for (const one of tabs)
          await expect.poll(() => one.status.sync, WAIT).toMatchObject({ state: 'online', pending: 0 })
        await expect.poll(() => new Set(tabs.map(({ status }) => status.sequence)).size, WAIT).toBe(1)
        const [first, second] = await Promise.all(devices.map(({ name }) => commitsOf(name)))
        expect(first).toEqual(second)
        expect(await Promise.all(devices.map(({ name }) => outboxOf(name)))).toEqual([[], []])
        const ids = (first ?? []).flatMap((commit) =>
          JSON.parse(commit.slice(commit.indexOf('['))).map(({ id }: { id: string }) => id),
        )
        const refused = (await Promise.all(devices.map(({ name }) => rejectedOf(name)))).flat().map(({ id }) => id)
        const where = acknowledged.map((id) => [id, [...ids, ...refused].filter((one) => one === id).length])
        expect(where.filter(([, times]) => times !== 1)).toEqual([])
        const [rows, ...others] = tabs.map(shown)
        for (const other of others) expect(other).toEqual(rows)
      }

      await write('online')
      await agree()

      await server.kill()
      for (const one of tabs) await expect.poll(() => one.status.sync?.state, WAIT).toBe('offline')
      await write('dead')
      await server.start()
      await agree()

      // After a power cut, the newest messages may be missing without any error.
      await server.kill()
      cutBlocks(join(server.folder, 'store'), '$G', 'tm_shared', 2)
      await server.start()
      // Both devices have the messages, and either may append them again first. A new device has only those of the server.
      const { tabs: fresh, name } = await device()
      await expect.poll(() => fresh[0]?.status.sequence, WAIT).toBe(tabs[0]?.status.sequence)
      expect(await commitsOf(name)).toEqual(await commitsOf(devices[0]?.name ?? ''))
      await agree()
      await write('forgotten')
      await agree()
    },
    TEST_MS,
  )
})
