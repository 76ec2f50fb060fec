import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Browser, buildPages, engines, has, launch, type Server, serve, type Tab } from './harness/index.ts'
import { sized } from './harness/sizes.ts'

const PIECES = sized(2500, 10_000)
/** Pieces that are written at once, and the milliseconds before the next ones: 10,000 pieces take some ten seconds. */
const AT_ONCE = 10
const PAUSE = 8
/** Only `npm run soak -- --large` checks milliseconds, because nothing else runs beside it. */
const IDLE = sized(0, 1) === 1
/** The milliseconds within which a tab shows 95 % of the writes. */
const LATE_MS = 100
const LONG_TASK_MS = 50
/** The most writes that a tab may never show, because the draft ended before. */
const UNSEEN = 50

let server: Server
beforeAll(async () => {
  server = await serve(buildPages())
})
afterAll(() => server?.close())

for (const engine of engines)
  describe.skipIf(!has(engine))(`drafts in ${engine}`, () => {
    let browser: Browser
    beforeAll(async () => {
      browser = await launch(engine)
    })
    afterAll(() => browser?.close())
    const open = async (name: string): Promise<Tab> => {
      const tab = await browser.open(`${server.url}drafts/?name=${name}`)
      await tab.waitFor(() => window.drafts)
      return tab
    }

    it(`${PIECES} pieces cost four writes a second and one event, and no work in a tab that does not show them`, async () => {
      const [writer, reader] = [await open('stream'), await open('stream')]
      for (const tab of [writer, reader]) await tab.evaluate(() => window.drafts.reset())
      const { sent, sequence } = await writer.evaluate(
        ([pieces, at, pause]) => window.drafts.stream(pieces, at, pause),
        [PIECES, AT_ONCE, PAUSE] as const,
      )
      expect(sequence).toBe(1)
      await reader.waitFor(() => window.drafts.message())
      const own = await writer.evaluate(() => window.drafts.results())
      const other = await reader.evaluate(() => window.drafts.results())
      // Counts within any second, not only full ones. The last write belongs to the end, which does not wait.
      const paced = own.writes.slice(0, -1)
      for (const [i, at] of paced.entries())
        expect(paced.slice(i).filter((other) => other < at + 999).length).toBeLessThanOrEqual(4)
      expect(own.writes.length).toBeGreaterThan(5)
      expect(other.writes).toEqual([])
      const lateness = (arrived: [length: number, at: number][]): number[] =>
        sent
          .map(([length, at]) => (arrived.find(([reached]) => reached >= length)?.[1] ?? Number.NaN) - at)
          .filter((ms) => !Number.isNaN(ms))
          .sort((a, b) => a - b)
      const quantile = (times: number[], share: number): number => times[Math.floor(times.length * share)] as number
      const late = lateness(other.seen)
      const p95 = quantile(late, 0.95)
      const bare = quantile(lateness(other.heard), 0.95)
      console.log(
        `${engine}: ${own.writes.length} writes, shown ${late[late.length >> 1]?.toFixed()} ms later, p95 ${p95.toFixed()} ms (a bare message ${bare.toFixed()} ms), ` +
          `longest tasks ${Math.max(0, ...own.longTasks)} and ${Math.max(0, ...other.longTasks)} ms`,
      )
      // The pieces arrive as messages. A tab that waited for the stored text would show only one length for each write.
      expect(new Set(other.seen.map(([length]) => length)).size).toBeGreaterThan(own.writes.length)
      if (IDLE) {
        expect(sent.length - late.length).toBeLessThan(UNSEEN)
        expect(p95).toBeLessThanOrEqual(LATE_MS)
        for (const { longTasks } of [own, other]) expect(Math.max(0, ...longTasks)).toBeLessThanOrEqual(LONG_TASK_MS)
      }
      // The text of the event that replaced the draft.
      expect([own.runs, other.runs]).toEqual([1, 1])
      expect(await reader.evaluate(() => [window.drafts.message(), window.drafts.sequence()])).toEqual([PIECES * 10, 1])
      await reader.waitFor(() => !window.drafts.text())
      for (const tab of [writer, reader]) {
        expect(tab.log).toEqual([])
        await tab.close()
      }
    })

    it('the draft of a closed tab is abandoned, with the text that was stored', async () => {
      const [writer, reader] = [await open('gone'), await open('gone')]
      await writer.evaluate(() => window.drafts.begin('half a sentence'))
      await reader.waitFor(() => window.drafts.text() === 'half a sentence')
      expect(await reader.evaluate(() => window.drafts.state())).toBe('live')
      await writer.close()
      await reader.waitFor(() => window.drafts.state() === 'abandoned')
      const last = await open('gone')
      expect(await last.evaluate(() => window.drafts.list())).toMatchObject([
        { id: 'r', text: 'half a sentence', state: 'abandoned' },
      ])
      for (const tab of [reader, last]) await tab.close()
    })
  })
