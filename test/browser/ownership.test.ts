import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildPages, chromium, has, type PlaywrightBrowser, type Server, serve } from './harness/index.ts'

/** The goal is for `TIDEMARK_EVENTS=1000000`. A tenth of that needs as much memory. */
const count = Number(process.env.TIDEMARK_EVENTS ?? 100_000)
/** The events of one command. */
const each = Number(process.env.TIDEMARK_PER_COMMIT ?? 1000)
const MB = 2 ** 20
/** The megabytes in which an import remembers 64 bits of each command's id, in tables that are at least 64 % full. */
const ids = (events: number) => ((events / each) * 12.5) / MB

describe.skipIf(!has('chromium'))('ownership in Chromium', () => {
  let server: Server
  let browser: PlaywrightBrowser
  beforeAll(async () => {
    server = await serve(buildPages())
    browser = await chromium()
  })
  afterAll(async () => {
    await browser?.close()
    await server?.close()
  })

  it(`${count} events are exported and imported in constant memory, and exported again they are the same bytes`, {
    timeout: 1_200_000,
  }, async () => {
    const tab = await browser.open(`${server.url}ownership/`)
    await tab.waitFor(() => window.own)
    const cdp = await browser.context.newCDPSession(tab.page)
    const used = async (): Promise<number> => {
      const { usedSize, backingStorageSize = 0 } = (await cdp.send('Runtime.getHeapUsage')) as {
        usedSize: number
        backingStorageSize?: number
      }
      return usedSize + backingStorageSize
    }
    /** The most megabytes that the heap grew by during a task. `held`: collects garbage before each look. */
    const growth = async <T>(task: () => Promise<T>, held = false): Promise<{ value: T; grown: number }> => {
      const collect = () => cdp.send('HeapProfiler.collectGarbage')
      await collect()
      const before = await used()
      let peak = before
      let running = true
      const look = async () => {
        if (held) await collect()
        peak = Math.max(peak, await used())
      }
      const looking = (async () => {
        while (running) {
          await look()
          await setTimeout(25)
        }
      })()
      const value = await task()
      running = false
      await looking
      await look()
      return { value, grown: (peak - before) / MB }
    }
    /** Each export has a log of its own, because an export copies segments as they are, and sealing goes on. */
    const exportOf = async (name: string, events: number, held = false) => {
      expect(await tab.evaluate((...given) => window.own.record(...given), name, events, each)).toBe(events)
      const exported = await growth(() => tab.evaluate((name) => window.own.exportAll(name), name), held)
      const rows = await tab.evaluate((name) => window.own.rows(name), name)
      await tab.evaluate((name) => window.own.close(name), name)
      return { ...exported, rows }
    }
    /** Imports the last export. */
    const importInto = (name: string, held = false) =>
      growth(() => tab.evaluate((name) => window.own.importAll(name), name), held)
    const amount = ({ grown }: { grown: number }) => `${grown.toFixed(1)} MB`

    const short = [await exportOf('short', count / 5, true), await importInto('to short', true)]
    await tab.evaluate(() => window.own.close('to short'))
    const held = [await exportOf('long', count, true), await importInto('to long', true)]
    await tab.evaluate(() => window.own.close('to long'))
    const exported = await exportOf('from', count)
    const imported = await importInto('to')
    const again = await tab.evaluate(() => window.own.exportAll('to'))
    console.log(
      `${count} events, ${(exported.value.size / MB).toFixed(1)} MB: heap grew by ${amount(exported)} exporting and ${amount(imported)} importing; ` +
        `held were ${held.map(amount)}, with a fifth of the events ${short.map(amount)}; ` +
        `longest task while importing ${imported.value.longest.toFixed(0)} ms`,
    )
    expect(imported.value.sequence).toBe(count)
    expect(imported.value.rows).toEqual(exported.rows)
    expect(again).toEqual(exported.value)
    expect(exported.grown).toBeLessThan(64)
    // Parsed commands become garbage at once, but stay in the heap until the next collection.
    expect(imported.grown).toBeLessThan(each > 1 ? 64 : 128)
    // This holds for a log of any length. The whole log would need some 40 MB. Looks are 25 ms apart, so the peaks may differ by a few chunks.
    held.forEach(({ grown }, i) => {
      expect(grown).toBeLessThan(16 + ids(count))
      expect(grown).toBeLessThan((short[i] as (typeof short)[0]).grown + 12 + ids(count))
    })
  })
})
