import { describe, expect, it } from 'vitest'
import { damageIndexedDB } from './harness/damage.ts'
import { buildPages, has, launch, type PlaywrightBrowser, serve } from './harness/index.ts'
import { threeViews } from './scenarios/scene.ts'

describe.skipIf(!has('chromium'))('chromium', () => {
  it('rule 20: without space the mirror is deleted first: it is off and says why, its files are gone, and every dispatch goes on', async () => {
    const server = await serve(buildPages())
    const browser = (await launch('chromium')) as PlaywrightBrowser
    try {
      const tab = await browser.open(`${server.url}engine/`)
      await tab.waitFor(() => window.app)
      const cdp = await browser.context.newCDPSession(tab.page)
      const origin = server.url.slice(0, -1)
      await cdp.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 4_000_000 })
      await tab.evaluate(() => window.app.open({ name: 'full' }))
      await tab.evaluate(() => window.app.addMany(100))
      await tab.waitFor(() => window.app.status().mirror.sequence === 100)
      expect((await tab.evaluate(() => window.app.mirror())).files).not.toEqual([])
      const outcomes = await tab.evaluate(async () => {
        const outcomes: object[] = []
        while (window.app.status().mirror.state !== 'off' && outcomes.length < 100) {
          outcomes.push(await window.app.attemptMany(2000))
          // This gives the browser something to delete.
          const followed = () => {
            const { mirror, sequence } = window.app.status()
            return mirror.state === 'off' || mirror.sequence === sequence
          }
          while (!followed()) await new Promise((resolve) => setTimeout(resolve, 20))
        }
        return outcomes
      })
      expect(outcomes.filter((one) => 'error' in one)).toEqual([])
      const { mirror, sequence } = await tab.evaluate(() => window.app.status())
      expect(mirror).toMatchObject({
        state: 'off',
        sequence: 0,
        reason: expect.stringMatching(/the disk is full|Quota/),
      })
      console.log(`off behind ${sequence} events: ${mirror.reason}`)
      expect(sequence).toBe(100 + 2000 * outcomes.length)
      await tab.waitFor(async () => !(await window.app.mirror()).files.length)
      expect(await tab.evaluate(() => window.app.add('goes on'))).toBe(sequence + 1)

      await cdp.send('Storage.overrideQuotaForOrigin', { origin })
      expect(await tab.evaluate(() => window.app.add('there is space'))).toBe(sequence + 2)
      const { shown, folded, stored } = await threeViews(tab, 'full')
      expect(shown).toEqual(folded)
      expect(stored).toEqual(folded)
    } finally {
      await browser.close()
      await server.close()
    }
  })

  it('rule 20: a profile whose IndexedDB files were damaged between two starts is restored equal up to the mirror', async () => {
    const server = await serve(buildPages())
    const browser = (await launch('chromium')) as PlaywrightBrowser
    try {
      const url = `${server.url}engine/`
      const name = 'damaged'
      const open = async () => {
        const tab = await browser.open(url)
        await tab.waitFor(() => window.app)
        await tab.evaluate((name) => window.app.open({ name }), name)
        return tab
      }
      const tab = await open()
      await tab.evaluate(async () => {
        for (let i = 0; i < 30; i++) await window.app.addMany(50)
        await window.app.addOnce('once', 'command-1')
        await window.app.projected()
      })
      await tab.waitFor(() => window.app.status().mirror.sequence === 1501)
      const before = await tab.evaluate(() => window.app.shown())
      await browser.restart(() => expect(damageIndexedDB(browser.profile)).toBeGreaterThan(0))
      const again = await open()
      const status = await again.evaluate(() => window.app.status())
      expect(status).toMatchObject({ sequence: 1501, restored: { sequence: 1501 } })
      expect(status.lastError).toMatchObject({
        name: 'StorageError',
        kind: 'lost',
        message: expect.stringContaining('total'),
      })
      expect(await again.evaluate(() => window.app.shown())).toEqual(before)
      expect(await again.evaluate(() => window.app.addOnce('once', 'command-1'))).toEqual({
        sequence: 1501,
        duplicate: true,
      })
      const { shown, folded, stored } = await threeViews(again, name)
      expect(shown).toEqual(folded)
      expect(stored).toEqual(folded)
    } finally {
      await browser.close()
      await server.close()
    }
  })
})
