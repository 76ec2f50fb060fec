import { expect, it } from 'vitest'
import { sized } from '../harness/sizes.ts'
import type {} from '../pages/deploys/drive.ts'
import { type Scene, threeViews } from './scene.ts'

const CYCLES = sized(40, 100)

/** What browsers and deploys do to a log that is open. */
export const storage = (scene: Scene) => {
  it('hazard 7: a connection that closes underneath is opened again, and nothing is appended twice', async () => {
    const name = scene.fresh()
    const tab = await scene.tab(name)
    const answers = await tab.evaluate(async () => {
      const sent = []
      for (let i = 0; i < 40; i++) {
        sent.push(window.app.attempt(`${i}`))
        if (i % 10 === 5) window.probe.disconnect()
        if (i % 2) await new Promise((resolve) => setTimeout(resolve, 1))
      }
      return Promise.all(sent)
    })
    expect(answers.map((answer) => ('sequence' in answer ? answer.sequence : answer))).toEqual(
      Array.from({ length: 40 }, (_, i) => i + 1),
    )
    const { shown, folded } = await threeViews(tab, name)
    expect(shown).toEqual(folded)
    expect(shown.notes.map(({ text }) => text)).toEqual(Array.from({ length: 40 }, (_, i) => `${i}`))
  })

  it("hazards 7 and 18: a database deleted under a live tab closes its engine with 'log replaced', and nothing is written at the old head", async () => {
    const name = scene.fresh()
    const open = () => scene.tab(name, 'shared', '?mirror=off')
    const [a, b] = [await open(), await open()]
    await a.evaluate(async () => {
      await window.app.addMany(10)
      await window.app.projected()
    })
    await b.waitFor(() => window.app.status().sequence === 10)
    expect(await b.evaluate((name) => window.app.deleteDatabase(name), name)).toBe('deleted')
    const closed = { name: 'EngineClosed', reason: 'log replaced' }
    expect(await a.evaluate(() => window.app.attempt('too late'))).toMatchObject({ error: closed })
    expect(await a.evaluate(() => window.app.status())).toMatchObject({ state: 'closed', lastError: closed })
    expect(await a.evaluate(() => window.app.shown().total)).toBe(10)

    // Another log under the same name has grown past the old head. The other tab may not append to it.
    const c = await open()
    expect(await c.evaluate(() => window.app.addMany(11))).toBe(11)
    expect(await b.evaluate(() => window.app.attempt('too late'))).toMatchObject({ error: closed })
    const { shown, folded, stored } = await threeViews(c, name)
    expect(shown.total).toBe(11)
    expect(shown).toEqual(folded)
    expect(stored).toEqual(folded)
  })

  it("hazard 9: without IndexedDB openEngine rejects with StorageError 'unavailable'", async () => {
    const tab = await scene.open('engine/?without=indexedDB')
    await tab.waitFor(() => window.app)
    const refused = await tab.evaluate(async (name) => {
      try {
        await window.app.open({ name })
      } catch (error) {
        return { name: (error as Error).name, kind: (error as { kind?: string }).kind }
      }
      return undefined
    }, scene.fresh())
    expect(refused).toEqual({ name: 'StorageError', kind: 'unavailable' })
  })

  it('guarantees 8 and 10, hazard 5: an event of a newer build puts an older tab in outdated, while the newer one works on', async () => {
    const name = scene.fresh()
    const open = async (page: string) => {
      const tab = await scene.open(`deploys/${page}.html`)
      await tab.waitFor(() => window.deploy)
      await tab.evaluate((name) => window.deploy.open(name), name)
      return tab
    }
    const [older, newer] = [await open('older'), await open('newer')]
    // Until the newer build writes an event of its own, both builds work, each with its own worker and pages.
    expect(await older.evaluate(() => window.deploy.add('a'))).toBe(1)
    expect(await newer.evaluate(() => window.deploy.add('b'))).toBe(2)
    for (const tab of [older, newer]) {
      await tab.waitFor(() => window.deploy.status().sequence === 2)
      await tab.evaluate(() => window.deploy.projected())
    }
    expect(await older.evaluate(() => window.deploy.things())).toEqual([{ id: 'a' }, { id: 'b' }])
    expect(await newer.evaluate(() => window.deploy.things())).toEqual([
      { id: 'a', stars: 0 },
      { id: 'b', stars: 0 },
    ])

    expect(await newer.evaluate(() => window.deploy.star('a'))).toBe(3)
    await older.waitFor(() => window.deploy.status().state === 'outdated')
    const lastError = { name: 'OutdatedCodeError', type: 'starred', version: 1 }
    expect(await older.evaluate(() => window.deploy.status())).toMatchObject({ sequence: 2, lastError })
    expect(await older.evaluate(() => window.deploy.add('c'))).toBe('OutdatedCodeError')
    expect(await older.evaluate(() => window.deploy.things())).toEqual([{ id: 'a' }, { id: 'b' }])
    expect(await newer.evaluate(() => window.deploy.add('c'))).toBe(4)
    await newer.evaluate(() => window.deploy.projected())

    // The other direction: an older build boots on the log of the newer one, from a snapshot that ends before the new event.
    const late = await open('older')
    expect(await late.evaluate(() => window.deploy.status())).toMatchObject({ state: 'outdated', lastError })
    expect(await late.evaluate(() => window.deploy.things())).toEqual([{ id: 'a' }, { id: 'b' }])
    expect(await late.evaluate(() => window.deploy.add('d'))).toBe('OutdatedCodeError')
    expect(await newer.evaluate(() => window.deploy.star('c'))).toBe(5)
    const next = await open('newer')
    expect(await next.evaluate(() => window.deploy.things())).toEqual([
      { id: 'a', stars: 1 },
      { id: 'b', stars: 0 },
      { id: 'c', stars: 1 },
    ])
  })

  it(`nothing leaks: after ${CYCLES} open and close cycles there are as many connections, channels, ports, listeners and locks as before`, async () => {
    const name = scene.fresh()
    const tab = await scene.open('engine/')
    await tab.waitFor(() => window.app)
    const { before, after } = await tab.evaluate((name, cycles) => window.app.cycles(name, cycles), name, CYCLES)
    expect(before).toMatchObject({ connections: 0, channels: 0, ports: 0, locks: 0 })
    expect(after).toEqual(before)
    expect(await tab.evaluate((name) => window.app.deleteDatabase(name), name)).toBe('deleted')
  })
}
