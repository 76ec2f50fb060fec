import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  buildPages,
  chromium,
  has,
  type PlaywrightBrowser,
  type PlaywrightTab,
  type Server,
  serve,
} from './harness/index.ts'

describe.skipIf(!has('chromium'))('reactions in Chromium', () => {
  let server: Server
  let browser: PlaywrightBrowser
  let tabs: PlaywrightTab[] = []
  beforeAll(async () => {
    browser = await chromium()
  })
  afterAll(() => browser?.close())
  beforeEach(async () => {
    // Another port is another origin: an empty log, and a worker of its own.
    server = await serve(buildPages())
    tabs = []
  })
  afterEach(async () => {
    await Promise.all(tabs.map(({ page }) => page.close()))
    await server.close()
  })

  async function open(query = '') {
    const tab = await browser.open(`${server.url}reactions/${query}`)
    tabs.push(tab)
    await tab.waitFor(() => window.chat)
    return tab
  }
  const texts = (): string[] => window.chat.read.turns.all().map(({ text, state }) => text || state)

  it('the first command of a new log leads to a reaction in the SharedWorker, and both tabs show what it appended', async () => {
    const [a, b] = [await open('?first=first'), await open()]
    for (const tab of [a, b]) await tab.waitFor(() => window.chat.read.turns.get('first')?.state === 'finished')
    await b.evaluate(() => window.chat.dispatch.requestTurn({ id: 'second' }))
    await b.evaluate(() => window.chat.settled())
    for (const tab of [a, b]) {
      await tab.waitFor(() => window.chat.read.turns.get('second')?.state === 'finished')
      expect(await tab.evaluate(texts)).toEqual(['first answered in a worker', 'second answered in a worker'])
      expect(tab.log.filter((line) => line.startsWith('uncaught'))).toEqual([])
    }
  })

  it('a page without SharedWorker runs them itself, as one of two', async () => {
    const [a, b] = [await open('?alone&first=first'), await open('?alone')]
    await b.evaluate(() => window.chat.dispatch.requestTurn({ id: 'second' }))
    for (const tab of [a, b]) {
      await tab.waitFor(() => window.chat.read.turns.get('second')?.state === 'finished')
      expect(await tab.evaluate(texts)).toEqual(['first answered in a page', 'second answered in a page'])
    }
  })

  it('any tab stops a turn, whose run is told', async () => {
    const [a, b] = [await open(), await open()]
    await a.evaluate(() => window.chat.dispatch.requestTurn({ id: 'slow' }))
    await b.waitFor(() => window.chat.status.reactions.answer?.state === 'running')
    await b.evaluate(() => window.chat.dispatch.stopTurn({ id: 'slow' }))
    await a.waitFor(() => window.chat.status.reactions.answer?.state === 'idle')
    expect(await a.evaluate(texts)).toEqual(['stopped'])
  })

  it('a turn whose worker died with every tab is ended as interrupted by the next tab, within 15 s', async () => {
    const a = await open('?first=slow')
    await a.waitFor(() => window.chat.status.reactions.answer?.state === 'running')
    await a.close()
    const began = Date.now()
    const b = await open()
    await b.waitFor(() => window.chat.read.turns.get('slow')?.state === 'interrupted')
    expect(Date.now() - began).toBeLessThan(15_000)
  })
})
