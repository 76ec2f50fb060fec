import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { damageIndexedDB } from './harness/damage.ts'
import { buildPages, chromium, has, type PlaywrightBrowser, type Server, serve } from './harness/index.ts'
import { createScene, later, threeViews } from './scenarios/scene.ts'

type Fold = Awaited<ReturnType<Window['app']['folded']>>

interface Stored {
  readonly sequence: number
  readonly rows: readonly unknown[]
}

/** `npm run soak -- --kills 100` sets more. */
const kills = Number(process.env.TIDEMARK_KILLS ?? 2)
/** After this many kills, the files of IndexedDB are damaged, too. Chromium itself damages them now and then. */
const damage = Number(process.env.TIDEMARK_DAMAGE ?? 0)

describe.skipIf(!has('chromium'))('kill -9 of the whole browser in a storm of writes', () => {
  let server: Server
  let browser: PlaywrightBrowser
  let answers: [commandId: string, sequence: number, of: number, at: number][] = []
  /** The numbers of the acknowledged records in a plain IndexedDB store beside the log. */
  let plain: [record: number, at: number][] = []
  beforeAll(async () => {
    server = await serve(buildPages())
    // The server outlives the browser, so it can note what was acknowledged.
    server.override('/acknowledged', (request, response) => {
      let body = ''
      request.on('data', (chunk) => {
        body += chunk
      })
      request.on('end', () => {
        answers.push(...JSON.parse(body).map((one: [string, number, number]) => [...one, Date.now()]))
        response.end()
      })
    })
    server.override('/acknowledged-plain', (request, response) => {
      let body = ''
      request.on('data', (chunk) => {
        body += chunk
      })
      request.on('end', () => {
        plain.push(...JSON.parse(body).map((record: number) => [record, Date.now()]))
        response.end()
      })
    })
    browser = await chromium()
  })
  afterAll(async () => {
    await browser?.close()
    await server?.close()
  })
  const scene = createScene(
    () => browser,
    () => server,
  )

  it(`guarantees 2 and 5, hazard 1: after ${kills} kills every acknowledged dispatch is stored, none is stored in part, and snapshot and log agree`, {
    timeout: 60_000 + kills * 20_000,
  }, async () => {
    const total = {
      acknowledged: 0,
      written: 0,
      deletedByBrowser: 0,
      lost: 0,
      plain: 0,
      plainLost: 0,
      plainYoungLost: 0,
    }
    let name = scene.fresh()
    let acknowledged = new Map<string, number>()
    let counted = 0
    const lostOld: string[] = []
    let plainStanding: typeof plain = []
    const next = () => {
      total.acknowledged += acknowledged.size
      total.written += counted
      acknowledged = new Map()
      counted = 0
      name = scene.fresh()
    }

    for (let kill = 0; kill < kills; kill++) {
      answers = []
      plain = []
      const tabs = [await scene.tab(name), await scene.tab(name)]
      for (const [i, tab] of tabs.entries()) await tab.evaluate((by) => window.app.storm(by), `tab-${kill}-${i}`)
      await tabs[0]?.evaluate(() => void window.app.plainStorm())
      await later(100 + Math.random() * 2900)
      const killed = Date.now()
      await browser.crash(() => void (damage && kill % damage === damage - 1 && damageIndexedDB(browser.profile)))
      for (const [id, sequence] of answers) acknowledged.set(id, sequence)

      // The content of the disk before any engine opens it.
      const tab = await scene.open('engine/')
      await tab.waitFor(() => window.app)
      const before = await tab.evaluate((name) => window.app.stored(name).catch(() => {}), name)
      await tab.evaluate((name) => window.app.open({ name }), name)
      const stands = await tab.evaluate(() => window.app.plain())
      total.plain += plain.length
      const plainLost = [...plainStanding, ...plain].filter(([record]) => record > stands)
      plainStanding = [...plainStanding, ...plain].filter(([record]) => record <= stands)
      total.plainLost += plainLost.length
      total.plainYoungLost += plainLost.filter(([, at]) => at > killed - 2000).length
      const { lastError, restored } = await tab.evaluate(async () => {
        await new Promise((resolve) => setTimeout(resolve, 50))
        return window.app.status()
      })
      const lost = !before || lastError?.kind === 'lost'
      if (lost) {
        // Chromium itself deleted the whole database. It reports that at the next open, which may have been the earlier check.
        if (before) expect(lastError).toMatchObject({ kind: 'lost', message: expect.stringContaining('total') })
        // A log that was killed before the first file of its mirror begins at 0.
        expect((await tab.evaluate(() => window.app.status())).sequence).toBe(restored?.sequence ?? 0)
        total.deletedByBrowser++
        // The log is restored up to its mirror. Events younger than two seconds may be missing at the end.
        const sequence = restored?.sequence ?? 0
        const young = new Set(answers.filter(([, , , at]) => at > killed - 2000).map(([id]) => id))
        for (const [id, at] of acknowledged) {
          if (at <= sequence) continue
          if (!young.has(id)) lostOld.push(`kill ${kill}: ${id} at ${at}, restored up to ${sequence}`)
          acknowledged.delete(id)
          total.lost++
        }
      } else expect(lastError).toBeUndefined()

      const log = await tab.evaluate(() => window.app.log())
      expect(log.map(({ sequence }) => sequence)).toEqual(log.map((_, i) => i + 1))
      const ends = new Map<string, number>()
      const counts = new Map<string, number>()
      for (const { commandId, sequence } of log) {
        ends.set(commandId, sequence)
        counts.set(commandId, (counts.get(commandId) ?? 0) + 1)
      }
      // The log has all events of a command or none, and those of one command are side by side.
      for (const [id, end] of ends) {
        const { of } = log[end - 1]!.data as { of: number }
        expect(counts.get(id)).toBe(of)
        expect(log[end - of]?.commandId).toBe(id)
      }
      expect([...acknowledged].filter(([id, sequence]) => ends.get(id) !== sequence)).toEqual([])
      // One flush writes all projections.
      const folds = new Map<number, Fold>()
      const foldUpTo = async (to: number): Promise<Fold> => {
        const fold = folds.get(to) ?? (await tab.evaluate((to) => window.app.folded(to), to))
        folds.set(to, fold)
        return fold
      }
      for (const [projection, { sequence, rows }] of Object.entries<Stored>(lost ? {} : before.projections)) {
        const fold = await foldUpTo(sequence)
        expect(rows).toEqual(projection === 'total' ? [fold.total] : fold[projection as 'notes'])
      }
      const { shown, folded, stored } = await threeViews(tab, name)
      expect(shown).toEqual(folded)
      // A log that begins again has no persisted rows yet.
      if (log.length) expect(stored).toEqual(folded)
      await tab.close()
      counted = log.length
      if (log.length > 20_000) next()
      if (kill % 50 === 49) console.log(`${kill + 1} kills: ${JSON.stringify(total)}`)
    }
    next()
    console.log(
      `${kills} kills${damage ? `, IndexedDB's files damaged after every ${damage}.` : ''}; Chromium deleted the database in ${total.deletedByBrowser}.\n` +
        '|  | acknowledged | lost | lost, older than 2 s |\n| --- | --- | --- | --- |\n' +
        `| plain IndexedDB, records | ${total.plain} | ${total.plainLost} | ${total.plainLost - total.plainYoungLost} |\n` +
        `| Tidemark, commands | ${total.acknowledged + total.lost} | ${total.lost} | ${lostOld.length} |\n`,
    )
    expect(lostOld).toEqual([])
    expect(total.acknowledged).toBeGreaterThan(kills)
  })
})
