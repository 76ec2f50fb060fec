import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type Browser,
  buildPages,
  chromium,
  engines,
  has,
  launch,
  puppeteerChromium,
  type Server,
  serve,
} from './harness/index.ts'
import type {} from './pages/smoke/smoke.ts'

describe.each(engines)('%s', (engine) => {
  let server: Server
  let browser: Browser
  beforeAll(async () => {
    if (!has(engine)) return
    server = await serve(buildPages())
    browser = await launch(engine)
  })
  afterAll(async () => {
    await browser?.close()
    await server?.close()
  })

  it.skipIf(!has(engine))('shares IndexedDB, a module SharedWorker and Web Locks between two tabs', async () => {
    const a = await browser.open(`${server.url}smoke/`)
    const b = await browser.open(`${server.url}smoke/`)
    await a.evaluate((row) => window.smoke.put('x', row), { title: 'milk', '': [1, null] })
    expect(await b.evaluate(() => window.smoke.get('x'))).toEqual({ title: 'milk', '': [1, null] })
    expect([await a.evaluate(() => window.smoke.count()), await b.evaluate(() => window.smoke.count())]).toEqual([1, 2])

    expect(await a.evaluate(() => window.smoke.lock(true))).toBe(true)
    expect(await b.evaluate(() => window.smoke.lock(false))).toBe(false)
    await a.reload()
    await b.waitFor(() => window.smoke.lock(false))

    // Neither is slowed down as a hidden page would be.
    expect(await a.evaluate(() => document.visibilityState)).toBe('visible')
    expect(await b.evaluate(() => document.visibilityState)).toBe('visible')
    await expect(b.evaluate(() => window.smoke.fail())).rejects.toMatchObject({
      name: 'RangeError',
      message: 'as asked',
    })
    await Promise.all([a.close(), b.close()])
  })

  it.skipIf(!has(engine))('runs functions in two tabs at the same time', async () => {
    const a = await browser.open(`${server.url}smoke/`)
    const b = await browser.open(`${server.url}smoke/`)
    const ping = (name: string, other: string) =>
      new Promise<string>((resolve) => {
        const channel = new BroadcastChannel('smoke')
        const timer = setInterval(() => channel.postMessage(name), 20)
        channel.onmessage = ({ data }) => {
          if (data !== other) return
          channel.postMessage(name)
          clearInterval(timer)
          resolve(`${name} met ${data}`)
        }
      })
    expect(await Promise.all([a.evaluate(ping, 'a', 'b'), b.evaluate(ping, 'b', 'a')])).toEqual(['a met b', 'b met a'])
    await Promise.all([a.close(), b.close()])
  })

  it.skipIf(!has(engine))('keeps what is stored over a restart', async () => {
    const tab = await browser.open(`${server.url}smoke/`)
    await tab.evaluate(() => window.smoke.put('kept', 1))
    await browser.restart()
    const next = await browser.open(`${server.url}smoke/`)
    expect(await next.evaluate(() => window.smoke.get('kept'))).toBe(1)
    expect(await next.evaluate(() => window.smoke.count())).toBe(1)
  })
})

describe.skipIf(!has('chromium'))('Chromium besides', () => {
  let server: Server
  beforeAll(async () => {
    server = await serve(buildPages())
  })
  afterAll(() => server?.close())

  it('hides and freezes a page in the background, under Puppeteer', async () => {
    const browser = await puppeteerChromium()
    const back = await browser.open(`${server.url}smoke/`)
    await back.evaluate(() => {
      document.addEventListener('freeze', () => document.body.append('frozen'))
    })
    await browser.open(`${server.url}smoke/`)
    expect(await back.evaluate(() => document.visibilityState)).toBe('hidden')
    const cdp = await back.page.createCDPSession()
    await cdp.send('Page.setWebLifecycleState', { state: 'frozen' })
    await new Promise((resolve) => setTimeout(resolve, 300))
    await cdp.send('Page.setWebLifecycleState', { state: 'active' })
    await back.waitFor(() => document.body.textContent?.includes('frozen'))
    await browser.close()
  })

  it('starts again on the profile of a process that was killed', async () => {
    const browser = await chromium()
    const tab = await browser.open(`${server.url}smoke/`)
    await tab.evaluate(() => window.smoke.put('kept', 1))
    await browser.crash()
    const next = await browser.open(`${server.url}smoke/`)
    expect(await next.evaluate(() => window.smoke.get('kept'))).toBe(1)
    await browser.close()
  })

  it('gets another answer for a path, a status, or none', async () => {
    const browser = await chromium()
    const tab = await browser.open(`${server.url}smoke/`)
    const ask = () =>
      tab.evaluate(async () => {
        try {
          const response = await fetch('/smoke/', { signal: AbortSignal.timeout(500) })
          return `${response.status} ${(await response.text()).slice(0, 5)}`
        } catch (error) {
          return (error as Error).name
        }
      })
    server.override('/smoke/', { status: 404, body: 'gone!' })
    expect(await ask()).toBe('404 gone!')
    server.override('/smoke/', 'never')
    expect(await ask()).toBe('TimeoutError')
    server.override('/smoke/', undefined)
    expect(await ask()).toBe('200 <!doc')
    await browser.close()
  })
})
