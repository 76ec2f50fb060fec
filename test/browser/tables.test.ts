import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  buildPages,
  chromium,
  has,
  type PlaywrightBrowser,
  type PlaywrightTab,
  type Server,
  serve,
} from './harness/index.ts'
import { sized } from './harness/sizes.ts'

// The published figures are measured with `TIDEMARK_EVENTS=1000000 TIDEMARK_ROWS=500000`.
const EVENTS = Number(process.env.TIDEMARK_EVENTS ?? sized(60_000, 300_000))
const ROWS = Number(process.env.TIDEMARK_ROWS ?? sized(10_000, 50_000))
const FOLDERS = ROWS / 10
/** How often the full table and the empty one are opened, in turn. */
const BOOTS = sized(10, 30)
const PAST = sized(30_000, 100_000)
/** `TIDEMARK_PER_COMMIT=1` tries the past of a log that was written one event at a time. */
const PER_COMMIT = Number(process.env.TIDEMARK_PER_COMMIT ?? 1000)
const median = (all: readonly number[]) => [...all].sort((a, b) => a - b)[all.length >> 1] as number

describe.skipIf(!has('chromium'))('tables in Chromium', () => {
  let server: Server
  let browser: PlaywrightBrowser
  let tab: PlaywrightTab
  beforeAll(async () => {
    server = await serve(buildPages())
    browser = await chromium()
    tab = await browser.open(`${server.url}tables/`)
    await tab.waitFor(() => window.tables)
  })
  afterAll(async () => {
    await browser?.close()
    await server?.close()
  })

  it(`a log of ${EVENTS} events: a row's history through its index, and rebuilds, one of them by two workers`, async () => {
    await tab.evaluate(() => window.tables.open('indexed'))
    await tab.evaluate((n) => window.tables.fill(n, 5000, 20_000), EVENTS)
    await tab.waitFor(async (n) => (await window.tables.segments('tables-indexed')) * 17_500 > n - 20_000, EVENTS)
    const history = [await tab.evaluate(() => window.tables.history('needle'))]
    for (const reverse of [false, true, false])
      history.push(await tab.evaluate((reverse) => window.tables.history('needle', reverse), reverse))
    for (const { events, bodies } of history) {
      expect(events).toBe(EVENTS / 20_000)
      expect(bodies).toBeLessThanOrEqual(events)
    }
    const rows = await tab.evaluate(() => window.tables.rows())
    const whole = await tab.evaluate(() => window.tables.rebuild())
    const killed = await tab.evaluate(() => window.tables.rebuild(0.4))
    expect(killed.killed).toBeGreaterThan(0)
    for (const { told } of [whole, killed]) {
      expect(told[0]).toBe(0)
      expect(told.at(-1)).toBe(EVENTS)
      expect(told.length).toBeGreaterThan(10)
    }
    expect(await tab.evaluate(() => window.tables.rows())).toBe(rows)
    await tab.evaluate(() => window.tables.close())
    await tab.evaluate(() => window.tables.open('indexed'))
    expect(await tab.evaluate(() => window.tables.rows())).toBe(rows)
    expect((await tab.evaluate(() => window.tables.history('needle'))).events).toBe(EVENTS / 20_000)
    const ms = (n: number) => `${n.toFixed(0)} ms`
    console.log(
      `history: ${history.map(({ first, all }) => `first ${ms(first)}, all ${ms(all)}`).join('; ')}. ` +
        `Rebuild: ${ms(whole.took)}, progress after ${ms(whole.first)}, longest task of the page ${ms(whole.longest)}; ` +
        `with a kill ${ms(killed.took)}, longest task ${ms(killed.longest)}`,
    )
    await tab.evaluate(() => window.tables.close())
  })

  it(`a log of ${PAST} events, in commits of ${PER_COMMIT} and sealed: a first look at the past reads it once, and its neighbours need no further read`, async () => {
    await tab.evaluate(() => window.tables.open('plain'))
    await tab.evaluate((n, each) => window.tables.fill(n, 5000, 20_000, each), PAST, PER_COMMIT)
    const looks = [PAST, PAST >> 1, PAST - 300, 1000, PAST - 1]
    const look = async (name: string) => {
      for (const sequence of looks) {
        const { first, read, longest, asked, task } = await tab.evaluate(
          (sequence) => window.tables.past(sequence, 600),
          sequence,
        )
        const bodies = read.filter((one) => one === 'get bodies').length
        const ms = (n: number) => `${n.toFixed(1)} ms`
        console.log(
          `at ${sequence}, ${name}: ${ms(first)}, neighbours at most ${ms(longest)}, longest task ${ms(task)}; ` +
            `asked ${read.length} times, ${bodies} for segments`,
        )
        expect(bodies).toBeLessThanOrEqual(PAST / 4096 + 1)
        // A batch is one request, and the next one is requested ahead.
        expect(read.length).toBeLessThanOrEqual(4 * (PAST / Math.min(4096, 1024 * PER_COMMIT) + 2))
        expect(asked).toBeLessThanOrEqual(3)
      }
    }
    await look(`in commits of ${PER_COMMIT}`)
    await tab.waitFor(async (n) => (await window.tables.segments('tables-plain')) * 17_500 > n - 20_000, PAST)
    await look('sealed')
    await tab.evaluate(() => window.tables.close())
  })

  it(`an on-disk table of ${ROWS} rows: boot sends the same requests to IndexedDB as with an empty table, and an indexed query reads only the rows it finds`, async () => {
    await tab.evaluate(() => window.tables.openArchive('full'))
    const built = await tab.evaluate((n, folders) => window.tables.file(n, folders), ROWS, FOLDERS)
    const { found, took, rows } = await tab.evaluate(() =>
      window.tables.folders(1, 7, 77, 123, 234, 345, 456, 777, 999),
    )
    expect(rows).toBe(ROWS)
    expect(new Set(found)).toEqual(new Set([ROWS / FOLDERS]))
    await tab.evaluate(() => window.tables.move(3, 7))
    expect((await tab.evaluate(() => window.tables.folders(7, 3))).found).toEqual([
      ROWS / FOLDERS + 1,
      ROWS / FOLDERS - 1,
    ])
    await tab.evaluate(() => window.tables.closeArchive())

    // One row, so that both logs have a page of the other projection.
    await tab.evaluate(() => window.tables.openArchive('empty'))
    await tab.evaluate(() => window.tables.file(1, 1))
    await tab.evaluate(() => window.tables.closeArchive())
    const boots: Record<string, number[]> = { full: [], empty: [] }
    const asked: Record<string, string[]> = {}
    for (let i = 0; i < BOOTS; i++) {
      const name = i % 2 ? 'full' : 'empty'
      const { took, requests } = await tab.evaluate((name) => window.tables.openArchive(name), name)
      boots[name]?.push(took)
      asked[name] = requests
      await tab.evaluate(() => window.tables.closeArchive())
    }
    expect(asked.full).toEqual(asked.empty)
    expect(asked.full?.join()).not.toContain('rows')
    console.log(
      `on disk: ${Math.round(built)} ms behind the last command; query ${took.toFixed(1)} ms; boot full ${median(boots.full ?? []).toFixed(1)}, empty ${median(boots.empty ?? []).toFixed(1)} ms`,
    )
  })
})
