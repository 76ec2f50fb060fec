import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import {
  buildPages,
  chromium,
  has,
  heapOf,
  type PlaywrightBrowser,
  type PlaywrightTab,
  type PuppeteerBrowser,
  puppeteerChromium,
  type Server,
  serve,
} from './harness/index.ts'
import { createScene, threeViews } from './scenarios/scene.ts'

/** `npm run soak -- --freezes 20` sets more. */
const freezes = Number(process.env.TIDEMARK_FREEZES ?? 5)

/** `npm run soak -- --cycles 1000` sets more. The worker restarts in every fifth cycle. */
const cycles = Number(process.env.TIDEMARK_CYCLES ?? 40)

/** Half of the time after which Chromium ends the transaction of a frozen tab. A tab that waited for such a transaction would wait longer. */
const FROZEN_MS = 30_000

// Situations that only the protocol of Chromium can cause.
describe.skipIf(!has('chromium'))('Chromium', () => {
  let server: Server
  let browser: PlaywrightBrowser
  let apart: Server
  let hung: PlaywrightTab
  beforeAll(async () => {
    server = await serve(buildPages())
    // Another origin, whose storage is not cleared meanwhile.
    apart = await serve(buildPages())
    apart.override('/hung.js', 'never')
    browser = await chromium()
    // The last step of this test is far below, because a silent worker gets time to answer.
    hung = await browser.open(`${apart.url}engine/`)
    await hung.waitFor(() => window.app)
  })
  afterAll(async () => {
    await browser?.close()
    await server?.close()
    await apart?.close()
  })
  const scene = createScene(
    () => browser,
    () => server,
  )

  it('hazard 3: a worker that never answers delays neither boot nor dispatch', async () => {
    const status = await hung.evaluate(async () => {
      await window.app.open({ name: 'hung', worker: '/hung.js' })
      await window.app.add('at once')
      return window.app.status()
    })
    // The tab still waits for the worker.
    expect(status).toMatchObject({ state: 'ready', worker: 'none', sequence: 1 })
    await hung.evaluate(() => window.app.writeEach(50, 'me'))
  })

  it('hazard 8, rule 19: without space a dispatch leaves no trace, pages are deleted to make room for the log, and everything works again once there is space', async () => {
    // Uses a new origin, because Chromium checks the free space of a known origin only now and then.
    const fresh = await serve(buildPages())
    const origin = fresh.url.slice(0, -1)
    const open = async () => {
      const tab = await browser.open(`${fresh.url}engine/`)
      await tab.waitFor(() => window.app)
      return tab
    }
    const tab = await open()
    const cdp = await browser.context.newCDPSession(tab.page)
    await cdp.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 1_500_000 })
    await tab.evaluate(() => window.app.open({ name: 'full' }))
    let head = 0
    const refused = await tab.evaluate(async () => {
      for (let i = 0; i < 500; i++) {
        const answer = await window.app.attemptMany(500)
        if ('error' in answer) return answer.error
      }
      return undefined
    })
    expect(refused).toMatchObject({ name: 'StorageError', kind: 'quota' })
    const { sequence, lastError, state, pending } = await tab.evaluate(() => window.app.status())
    head = sequence
    expect({ state, pending, kind: lastError?.kind }).toEqual({ state: 'ready', pending: 0, kind: 'quota' })
    const shown = await tab.evaluate(() => window.app.shown())
    expect(shown.total).toBe(head)
    expect(await tab.evaluate(() => window.app.folded())).toEqual(shown)

    await cdp.send('Storage.overrideQuotaForOrigin', { origin })
    expect(await tab.evaluate(() => window.app.add('there is space'))).toBe(head + 1)
    const views = await threeViews(tab, 'full')
    expect(views.shown).toEqual(views.folded)
    expect(views.stored).toEqual(views.folded)
    const next = await open()
    await next.evaluate(() => window.app.open({ name: 'full' }))
    expect(await next.evaluate(() => window.app.shown())).toEqual(views.shown)
    await Promise.all([tab.close(), next.close()])
    await fresh.close()
  })

  it("hazard 9: storage cleared under a live tab closes its engine with 'log replaced', and without a second copy a reload starts an empty log", async () => {
    const name = scene.fresh()
    const tab = await scene.tab(name, 'shared', '?mirror=off')
    await tab.evaluate(async () => {
      await window.app.addMany(20)
      await window.app.projected()
    })
    const cdp = await browser.context.newCDPSession(tab.page)
    await cdp.send('Storage.clearDataForOrigin', { origin: server.url.slice(0, -1), storageTypes: 'indexeddb' })
    const closed = { name: 'EngineClosed', reason: 'log replaced' }
    expect(await tab.evaluate(() => window.app.attempt('too late'))).toMatchObject({ error: closed })
    expect(await tab.evaluate(() => window.app.status())).toMatchObject({ state: 'closed', lastError: closed })
    expect(await tab.evaluate(() => window.app.shown().total)).toBe(20)
    await tab.reload()
    await tab.waitFor(() => window.app)
    await tab.evaluate((name) => window.app.open({ name }), name)
    expect(await tab.evaluate(() => window.app.add('first'))).toBe(1)
    const { shown, folded, stored } = await threeViews(tab, name)
    expect(shown).toEqual(folded)
    expect(stored).toEqual(folded)
    expect(tab.log.filter((line) => line.startsWith('uncaught'))).toEqual([])
  })

  it('hazard 3: a renderer that crashes during a write ends the worker; the other tab continues with a new worker', async () => {
    const name = scene.fresh()
    const [first, second] = [await scene.tab(name), await scene.tab(name)]
    await first.evaluate(() => {
      void window.app.write(60_000, 'crashing')
    })
    await second.waitFor(() => window.app.status().sequence > 20 && window.app.status().worker === 'shared')
    const crashed = new Promise((resolve) => first.page.once('crash', resolve))
    void first.page.goto('chrome://crash').catch(() => {})
    await crashed
    await second.evaluate(() => window.app.writeEach(100, 'sibling'))
    const { shown, folded, stored } = await threeViews(second, name)
    expect(shown).toEqual(folded)
    expect(stored).toEqual(folded)
  })

  it('hazard 3: a worker that never answers is started once more, then the pipeline runs in the page', async () => {
    await hung.waitFor(() => window.app.status().worker === 'in-page')
    // A worker that is silent twice stays silent.
    expect(await hung.evaluate(() => window.probe.workers)).toBe(2)
    const { shown, folded, stored } = await threeViews(hung, 'hung')
    expect(shown).toEqual(folded)
    expect(stored).toEqual(folded)
  })

  it(`nothing leaks: the heap returns to within 10 % after ${cycles} open and close cycles and ${cycles / 5} worker restarts`, {
    timeout: 120_000 + cycles * 1000,
  }, async () => {
    const name = scene.fresh()
    const tab = await scene.open('engine/')
    await tab.waitFor(() => window.app)
    const cdp = await browser.context.newCDPSession(tab.page)
    // The probe's own list of requests does not count.
    const cycle = (n: number, restarts: number) =>
      tab.evaluate(
        async (name, n, restarts) => {
          const { workers } = window.probe
          const left = await window.app.cycles(name, n, restarts)
          window.probe.requests.length = 0
          return { ...left, workers: window.probe.workers - workers }
        },
        name,
        n,
        restarts,
      )
    await cycle(cycles, 5)
    await tab.evaluate(async () => {
      await window.app.bare(1)
      // V8's cache of numbers as strings grows once.
      for (let i = 0; i < 1e5; i++) `${i}`.at(0)
    })
    const before = await heapOf(cdp)
    // One worker lives all the time, so the page keeps the objects for it.
    const closed = await cycle(cycles, 0)
    expect(closed.after).toEqual(closed.before)
    const cycled = await heapOf(cdp)
    const restarted = await cycle(0, cycles / 5)
    expect(restarted.after).toEqual(restarted.before)
    const after = await heapOf(cdp)
    // While a worker lives, Chromium keeps the objects of the page for it: the worker, its port and its listeners.
    await tab.evaluate((n) => window.app.bare(n), closed.workers)
    const bare = (await heapOf(cdp)) - after
    console.log(
      `heap: ${before} bytes, ${cycled} after ${closed.workers} connections to one worker, as many bare ones ${bare}; ${after} after restarts`,
    )
    expect(cycled - bare).toBeLessThan(1.1 * before)
    expect(after).toBeLessThan(1.1 * before)
  })

  it('hazard 12: an older copy of the profile opens from the snapshot it had', async () => {
    const name = scene.fresh()
    const copy = mkdtempSync(join(tmpdir(), 'tidemark-copy-'))
    const write = async (n: number) => {
      const tab = await scene.tab(name)
      await tab.evaluate(async (n) => {
        for (let i = 0; i < n; i++) await window.app.add(`${i}`)
        await window.app.projected()
        await window.app.add('tail')
      }, n)
    }
    await write(5)
    await browser.restart(() =>
      cpSync(browser.profile, copy, { recursive: true, filter: (file) => !/Singleton/.test(file) }),
    )
    await write(10)
    await browser.restart(() => {
      rmSync(browser.profile, { recursive: true })
      cpSync(copy, browser.profile, { recursive: true })
    })
    rmSync(copy, { recursive: true })
    const tab = await scene.tab(name)
    expect(await tab.evaluate(() => window.app.status().sequence)).toBe(6)
    expect(await tab.evaluate(() => window.app.add('after'))).toBe(7)
    const { shown, folded, stored } = await threeViews(tab, name)
    expect(shown).toEqual(folded)
    expect(stored).toEqual(folded)
  })
})

describe.skipIf(!has('chromium'))('Chromium with pages that are really hidden', () => {
  let server: Server
  let browser: PuppeteerBrowser
  beforeAll(async () => {
    // With `no-store`, pages would not enter the back/forward cache.
    server = await serve(buildPages(), { headers: { 'cache-control': 'no-cache' } })
    browser = await puppeteerChromium()
  })
  afterAll(async () => {
    await browser?.close()
    await server?.close()
  })
  const scene = createScene(
    () => browser,
    () => server,
  )

  it(`hazard 6, rule 2: a tab frozen during a write does not block other tabs: in ${freezes} freezes each write settles before the thaw`, async () => {
    const name = scene.fresh()
    const [frozen, sibling] = [await scene.tab(name), await scene.tab(name)]
    await frozen.evaluate(() => {
      document.addEventListener('freeze', () => document.body.append('frozen '))
      void window.app.write(3_600_000, 'frozen')
    })
    const cdp = await frozen.page.createCDPSession()
    for (let i = 1; i <= freezes; i++) {
      const { sequence } = await sibling.evaluate(() => window.app.status())
      await sibling.waitFor((sequence) => window.app.status().sequence > sequence + 10, sequence)
      await cdp.send('Page.setWebLifecycleState', { state: 'frozen' })
      const { took } = await sibling.evaluate(() => window.app.writeEach(50, 'sibling'))
      expect(Math.max(...took)).toBeLessThan(FROZEN_MS)
      const last = (await sibling.evaluate(() => window.app.shown())).notes.slice(-10)
      expect(last.map(({ by }) => by)).not.toContain('frozen')
      await cdp.send('Page.setWebLifecycleState', { state: 'active' })
      await frozen.waitFor((i) => document.body.textContent?.match(/frozen/g)?.length === i, i)
      expect(await frozen.evaluate(() => document.visibilityState)).toBe('hidden')
    }
    await frozen.evaluate(() => window.app.close())
    const { shown, folded, stored } = await threeViews(sibling, name)
    expect(shown).toEqual(folded)
    expect(stored).toEqual(folded)
  })

  it('hazard 10: a page leaves locks and ports when it goes into the back/forward cache, and catches up when it returns', async () => {
    const name = scene.fresh()
    const [tab, sibling] = [await scene.tab(name), await scene.tab(name)]
    await tab.evaluate(async () => {
      await window.app.add('before')
      await window.app.projected()
      document.title = 'still the same page'
      addEventListener('pageshow', ({ persisted }) => {
        if (persisted) document.title += ', shown again'
      })
    })
    const locks = () =>
      sibling.evaluate(async (name) => {
        const { held = [] } = await navigator.locks.query()
        return held.filter((lock) => lock.name === name).length
      }, `tidemark/log/${name}`)
    await vi.waitFor(async () => expect(await locks()).toBe(2), 10_000)
    await tab.goto(`${server.url}deploys/older.html`)
    await vi.waitFor(async () => expect(await locks()).toBe(1), 10_000)
    // A message to a page in the cache removes it from the cache, so such a page may not listen.
    expect(await sibling.evaluate(() => window.app.addMany(100, 'sibling'))).toBe(101)
    await tab.page.goBack()
    await tab.waitFor(() => window.app.status().sequence === 101)
    expect(await tab.evaluate(() => document.title)).toBe('still the same page, shown again')
    expect(await tab.evaluate(() => window.app.add('after'))).toBe(102)
    await tab.waitFor(() => window.app.status().worker === 'shared')
    expect(await locks()).toBe(2)
    const { shown, folded, stored } = await threeViews(tab, name)
    expect(shown).toEqual(folded)
    expect(stored).toEqual(folded)
  })

  it('hazard 18, rules 2 and 8: a tab thawed after 20,000 events of others were sealed catches up and appends after them', async () => {
    const name = scene.fresh()
    const [frozen, sibling] = [await scene.tab(name), await scene.tab(name)]
    await frozen.evaluate(() => window.app.add('before'))
    const cdp = await frozen.page.createCDPSession()
    await cdp.send('Page.setWebLifecycleState', { state: 'frozen' })
    const took = await sibling.evaluate(async () => {
      const took = []
      for (let i = 0; i < 20; i++) {
        const began = performance.now()
        await window.app.addMany(1000, 'sibling')
        took.push(performance.now() - began)
      }
      await window.app.projected()
      return took
    })
    // The read of the frozen tab has no open transaction.
    expect(Math.max(...took)).toBeLessThan(FROZEN_MS)
    await sibling.waitFor(async (name) => (await window.app.stored(name)).segments > 0, name)
    await cdp.send('Page.setWebLifecycleState', { state: 'active' })
    expect(await frozen.evaluate(() => window.app.add('after'))).toBe(20_002)
    const { shown, folded, stored } = await threeViews(frozen, name)
    expect(shown).toEqual(folded)
    expect(stored).toEqual(folded)
  })
})
