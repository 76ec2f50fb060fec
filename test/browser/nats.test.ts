import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cutBlocks } from '../remote/nats/blocks.ts'
import { HOOK_MS, hasNatsServer, memberPermissions, type NatsServer, startNatsServer } from '../remote/nats/server.ts'
import { type Browser, buildPages, type Engine, has, launch, type Server, serve, type Tab } from './harness/index.ts'

const ENGINES: readonly Engine[] = ['chromium', 'firefox']
const TEST_MS = 240_000
/** Bookings of each tab in a round. */
const COUNT = 12

describe.skipIf(!hasNatsServer() || !ENGINES.every(has))('two browsers with two tabs each, on a real server', () => {
  let nats: NatsServer
  let server: Server
  const browsers: Browser[] = []
  beforeAll(async () => {
    nats = await startNatsServer(`
authorization { users = [
  { user: admin, password: admin }
  { user: member, password: member, permissions: ${memberPermissions('tm_seats', 'tm_seats', '_INBOX_member')} }
] }`)
    await nats.admin((jsm) => jsm.streams.add({ name: 'tm_seats', subjects: ['tm_seats'] }))
    server = await serve(buildPages())
    server.override('/nats', { body: nats.url })
    for (const engine of ENGINES) browsers.push(await launch(engine))
  }, HOOK_MS)
  afterAll(async () => {
    for (const browser of browsers) await browser.close()
    await server?.close()
    await nats?.remove()
  })

  const open = async (browser: Browser): Promise<Tab> => {
    const tab = await browser.open(`${server.url}shared/`)
    await tab.waitFor(() => window.shared)
    return tab
  }

  it(
    'no acknowledged booking is lost or doubled, the logs are identical, and no seat is sold twice',
    async () => {
      const devices = await Promise.all(browsers.map(async (browser) => [await open(browser), await open(browser)]))
      const tabs = devices.flat()
      const acknowledged: string[] = []
      const write = async (round: string): Promise<void> => {
        const written = tabs.map((tab, t) =>
          tab.evaluate((...given: [string, string, number]) => window.shared.book(...given), round, `tab ${t}`, COUNT),
        )
        acknowledged.push(...(await Promise.all(written)).flat())
      }
      const readLogs = () => Promise.all(tabs.map((tab) => tab.evaluate(() => window.shared.log())))
      const agree = async (): Promise<void> => {
        const logs = await readLogs()
        const [first] = logs
        for (const { events, rows } of logs) {
          expect(events).toEqual(first?.events)
          expect(rows).toEqual(first?.rows)
        }
        const ids = first?.events.map(([, id]) => id) ?? []
        const refused = new Set(logs.flatMap((one) => one.refused))
        const lost = acknowledged.filter((id) => [...ids, ...refused].filter((one) => one === id).length !== 1)
        expect(lost).toEqual([])
        // Checks the rule again on the log: each seat was free when it was booked.
        const seats = first?.events.map(([, , seat]) => seat) ?? []
        expect(new Set(seats).size).toBe(seats.length)
      }
      const settled = async (): Promise<void> => {
        for (const tab of tabs)
          await tab.waitFor(() => {
            const { sync, pending } = window.shared.engine.status
            return sync?.state === 'online' && !sync.pending && !sync.behind && !pending
          })
        // A device may still miss messages of another one. All have to end with the same log.
        const different = async () =>
          new Set((await readLogs()).map(({ events, rows }) => JSON.stringify([events, rows]))).size
        await expect.poll(different, { timeout: 60_000 }).toBe(1)
        await agree()
      }
      const offline = async (): Promise<void> => {
        for (const tab of tabs) await tab.waitFor(() => window.shared.engine.status.sync?.state === 'offline')
      }

      await write('online')
      await settled()

      await nats.kill()
      await offline()
      await write('dead')
      await nats.start()
      await settled()

      // After a power cut, the newest messages may be missing without any error.
      await nats.kill()
      cutBlocks(join(nats.folder, 'store'), '$G', 'tm_seats', 2)
      await nats.start()
      await write('forgotten')
      await settled()

      // A browser that dies while it is offline has kept what it acknowledged.
      await nats.kill()
      await offline()
      await write('alone')
      await browsers[0]!.restart()
      await nats.start()
      const again = [await open(browsers[0]!), await open(browsers[0]!)]
      tabs.splice(0, 2, ...again)
      await settled()
      expect(acknowledged.length).toBeGreaterThan(4 * COUNT)
    },
    TEST_MS,
  )
})
