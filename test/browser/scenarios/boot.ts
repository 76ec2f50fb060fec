import { beforeAll, expect, it } from 'vitest'
import { sized } from '../harness/sizes.ts'
import { type Scene, threeViews } from './scene.ts'

/** Enough events for a sealed segment. */
const EVENTS = sized(20_000, 100_000)

const history = ['commits', 'segments', 'bodies']

/** A tab opens from the persisted snapshot. */
export const boot = (scene: Scene) => {
  const [small, large, between] = [scene.fresh(), scene.fresh(), scene.fresh()]
  const shown: unknown[] = []
  // A browser start costs more than the scenarios, so both use logs that the process before this one wrote.
  beforeAll(async () => {
    for (const [name, commits] of [
      [small, 0],
      [large, EVENTS / 1000],
    ] as const) {
      const tab = await scene.tab(name)
      await tab.evaluate(async (commits) => {
        for (let i = 0; i < 10; i++) await window.app.add(`note ${i}`)
        await window.app.editOften(commits, 1000)
      }, commits)
      shown.push(await tab.evaluate(() => window.app.shown()))
      await tab.close()
    }
    const tab = await scene.tab(between, 'none')
    await tab.evaluate(async () => {
      await window.app.addMany(700)
      await window.app.projected()
    })
    const first = (await tab.evaluate(() => window.app.shown())).notes[3]?.id as string
    await tab.evaluate(async (id) => {
      await window.app.remove(id)
      await window.app.add('last')
    }, first)
    await scene.browser.restart()
  })

  it(`guarantee 6: a new browser process boots from the snapshot, with the same number of requests at 11 and at ${EVENTS} events, and reads no history`, async () => {
    const counts: number[] = []
    for (const [i, name] of [small, large].entries()) {
      const tab = await scene.open('engine/')
      await tab.waitFor(() => window.app)
      const { requests, sequence } = await tab.evaluate((name) => window.app.open({ name }), name)
      expect(sequence).toBe(i ? EVENTS + 11 : 11)
      expect(await tab.evaluate(() => window.app.shown())).toEqual(shown[i])
      // The key of the newest commit and segment tells whether the log ends before a checkpoint; no record is read for it.
      const read = requests.filter(({ store, method }) => history.includes(store) && method !== 'openKeyCursor')
      expect(read.length).toBeGreaterThan(0)
      for (const { from, results } of read) {
        expect(from).toBe(sequence + 1)
        expect(results).toBe(0)
      }
      counts.push(requests.length)
      await tab.close()
    }
    expect(counts[0]).toBe(counts[1])
  })

  it('guarantee 5: a process that starts between two flushes takes the snapshot and the tail after it', async () => {
    const next = await scene.tab(between)
    const { shown, folded, stored } = await threeViews(next, between)
    expect(shown.total).toBe(701)
    expect(shown.notes.at(-1)?.text).toBe('last')
    expect(shown).toEqual(folded)
    expect(stored).toEqual(folded)
  })
}
