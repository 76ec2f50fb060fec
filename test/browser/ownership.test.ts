import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildPages, chromium, has, type PlaywrightBrowser, type Server, serve } from './harness/index.ts'

/** `TIDEMARK_EVENTS=1000000` is the goal's; memory is the same from a fifth of it on. */
const count = Number(process.env.TIDEMARK_EVENTS ?? 100_000)
const MB = 2 ** 20

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
    /** The most that a task held beyond what was there before it. */
    const growth = async <T>(task: () => Promise<T>): Promise<{ value: T; grown: number }> => {
      await cdp.send('HeapProfiler.collectGarbage')
      const before = await used()
      let peak = before
      const timer = setInterval(async () => {
        peak = Math.max(peak, await used().catch(() => 0))
      }, 50)
      const value = await task()
      clearInterval(timer)
      return { value, grown: (Math.max(peak, await used()) - before) / MB }
    }
    expect(await tab.evaluate((n) => window.own.record('from', n), count)).toBe(count)
    const rows = await tab.evaluate(() => window.own.rows('from'))
    const exported = await growth(() => tab.evaluate(() => window.own.exportAll('from')))
    await tab.evaluate(() => window.own.close('from'))
    const imported = await growth(() => tab.evaluate(() => window.own.importAll('to')))
    const again = await tab.evaluate(() => window.own.exportAll('to'))
    console.log(
      `${count} events, ${(exported.value.size / MB).toFixed(1)} MB: heap grew by ${exported.grown.toFixed(1)} MB exporting and ` +
        `${imported.grown.toFixed(1)} MB importing; longest task while importing ${imported.value.longest.toFixed(0)} ms`,
    )
    expect(imported.value.sequence).toBe(count)
    expect(imported.value.rows).toEqual(rows)
    expect(again).toEqual(exported.value)
    expect(exported.grown).toBeLessThan(64)
    expect(imported.grown).toBeLessThan(64)
  })
})
