import { expect, it } from 'vitest'
import { type Scene, threeViews } from './scene.ts'

/** The second copy of the log, in whatever file system the browser has. */
export const mirror = (scene: Scene) => {
  const copies = async (name: string) => {
    const tab = await scene.tab(name)
    return { tab, able: await tab.evaluate(canWrite) }
  }

  for (const [worker, live] of [
    ['shared', 3],
    ['none', 2],
  ] as const)
    it(`rule 20: a database that is deleted under ${live} live tabs is restored (worker: ${worker}), or the mirror is off and says why`, async () => {
      const name = scene.fresh()
      const tabs: Awaited<ReturnType<typeof scene.tab>>[] = []
      for (let i = 0; i < live; i++) tabs.push(await scene.tab(name, worker))
      const [a, b, c] = [tabs[0]!, tabs[1]!, tabs.at(-1)!]
      await a.evaluate(async () => {
        await window.app.addMany(100)
        await window.app.addOnce('once', 'command-1')
      })
      if (!(await a.evaluate(canWrite))) {
        await a.waitFor(() => window.app.status().mirror.reason)
        const { mirror } = await a.evaluate(() => window.app.status())
        expect(mirror).toEqual({ state: 'off', sequence: 0, reason: 'no private file system' })
        expect(await a.evaluate(() => window.app.add('goes on'))).toBe(102)
        return
      }
      for (const tab of tabs) await tab.waitFor(() => window.app.status().mirror.sequence === 101)
      const before = await a.evaluate(() => window.app.shown())
      expect(await b.evaluate((name) => window.app.deleteDatabase(name), name)).toBe('deleted')
      const closed = { error: { name: 'EngineClosed', reason: 'log replaced' } }
      for (const tab of tabs) expect(await tab.evaluate(() => window.app.attempt('too late'))).toMatchObject(closed)

      // Each tab reloads in its own time, as a user would do it.
      for (const tab of tabs) {
        await tab.reload()
        await tab.waitFor(() => window.app)
        await tab.evaluate((name, worker) => window.app.open({ name, worker }), name, worker)
        await tab.waitFor(() => window.app.status().restored)
        const status = await tab.evaluate(() => window.app.status())
        expect(status).toMatchObject({ state: 'ready', sequence: 101, restored: { sequence: 101 } })
        expect(await tab.evaluate(() => window.app.shown())).toEqual(before)
      }
      expect(await c.evaluate(() => window.app.addOnce('once', 'command-1'))).toEqual({
        sequence: 101,
        duplicate: true,
      })
      expect(await c.evaluate(() => window.app.add('after'))).toBe(102)
      for (const tab of tabs) await tab.waitFor(() => window.app.status().sequence === 102)
      const { shown, folded, stored } = await threeViews(b, name)
      expect(shown).toEqual(folded)
      expect(stored).toEqual(folded)
      await a.waitFor(() => window.app.status().mirror.sequence === 102)
    })

  it('rule 20: a tab that has a SharedWorker leaves the private files to it: its own thread never asks for them', async () => {
    const name = scene.fresh()
    // The tab that creates the database checks whether a mirror exists, so another tab creates it first.
    if (!(await copies(name)).able) return
    const tab = await scene.open('engine/')
    await tab.waitFor(() => window.app)
    await tab.evaluate(() => {
      const { prototype } = StorageManager
      const { getDirectory } = prototype
      document.title = '0'
      prototype.getDirectory = function () {
        document.title = `${Number(document.title) + 1}`
        return getDirectory.call(this)
      }
    })
    await tab.evaluate((name) => window.app.open({ name }), name)
    await tab.waitFor(() => window.app.status().worker === 'shared')
    await tab.evaluate(async () => {
      for (let i = 0; i < 20; i++) {
        await window.app.add(`${i}`)
        await window.app.addMany(100)
      }
      await window.app.projected()
    })
    await tab.waitFor(() => window.app.status().mirror.sequence === 2020)
    expect(await tab.evaluate(() => document.title)).toBe('0')
    // The counter works: it counts a call from the tab itself.
    expect(await tab.evaluate(() => window.app.mirror().then(() => document.title))).toBe('1')
  })

  it('rule 20: the mirror holds sealed segments byte for byte as the database does', async () => {
    const { tab, able } = await copies(scene.fresh())
    if (!able) return expect(await tab.evaluate(() => window.app.status().mirror.state)).toBe('off')
    await tab.evaluate(() => window.app.editOften(20, 1000))
    await tab.waitFor(async () => {
      const { files, bodies } = await window.app.mirror()
      return bodies.length > 0 && bodies.every((body) => files.some(({ text }) => text === body))
    })
  })
}

/** Whether the browser has a private file system that pages and workers can write. */
const canWrite = async () =>
  'FileSystemFileHandle' in window &&
  'createWritable' in FileSystemFileHandle.prototype &&
  !!navigator.storage?.getDirectory
