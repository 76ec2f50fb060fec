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
import { sized } from './harness/sizes.ts'

/** Within which a turn that lost its runner is over; on a machine that is busy, the runner's own limit is enough. */
const INTERRUPTED_MS = sized(Number.POSITIVE_INFINITY, 15_000)

/** `npm run soak -- --turns 30` asks for more. */
const KILLS = Number(process.env.TIDEMARK_TURNS ?? 1)

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

  it('of two pages without SharedWorker, one runs the reactions', async () => {
    const [a, b] = [await open('?alone&first=first'), await open('?alone')]
    await b.evaluate(() => window.chat.dispatch.requestTurn({ id: 'second' }))
    for (const tab of [a, b]) {
      await tab.waitFor(() => window.chat.read.turns.get('second')?.state === 'finished')
      expect(await tab.evaluate(texts)).toEqual(['first answered in a page', 'second answered in a page'])
    }
  })

  it('any tab can stop a turn, and its run is aborted', async () => {
    const [a, b] = [await open(), await open()]
    await a.evaluate(() => window.chat.dispatch.requestTurn({ id: 'slow' }))
    await b.waitFor(() => window.chat.status.reactions.answer?.state === 'running')
    await b.evaluate(() => window.chat.dispatch.stopTurn({ id: 'slow' }))
    await a.waitFor(() => window.chat.status.reactions.answer?.state === 'idle')
    expect(await a.evaluate(texts)).toEqual(['stopped'])
  })

  it('a turn whose worker died with every tab is ended as interrupted by the next tab', async () => {
    const a = await open('?first=slow')
    await a.waitFor(() => window.chat.status.reactions.answer?.state === 'running')
    await a.close()
    const began = Date.now()
    const b = await open()
    await b.waitFor(() => window.chat.read.turns.get('slow')?.state === 'interrupted')
    expect(Date.now() - began).toBeLessThan(INTERRUPTED_MS)
  })

  it(`kill -9 of the browser in a storm of turns, ${KILLS}×: no acknowledged turn is lost, and each ends once, in the order of its lane`, {
    timeout: 60_000 + KILLS * 30_000,
  }, async () => {
    const acknowledged = new Set<string>()
    /** The turn of each idempotency key. */
    const provider = new Map<string, Set<string>>()
    server.override('/acknowledged', (request, response) => {
      void bodyOf(request).then((id) => acknowledged.add(id))
      response.end()
    })
    server.override('/complete', (request, response) => {
      const key = String(request.headers['idempotency-key'])
      void bodyOf(request).then((id) => provider.set(key, (provider.get(key) ?? new Set()).add(id)))
      setTimeout(() => response.end('words'), 20 + Math.random() * 380)
    })
    const total = { acknowledged: 0, finished: 0, interrupted: 0, deletedByBrowser: 0, lost: 0 }
    for (let kill = 0; kill < KILLS; kill++) {
      const storm = await open()
      await storm.evaluate((kill) => {
        const request = async (): Promise<void> => {
          for (let i = 0; i < 100; i++) {
            const id = `storm-${kill}-${i}`
            await window.chat.dispatch.requestTurn({ id, thread: `lane ${i % 20}` })
            void fetch('/acknowledged', { method: 'POST', body: id, keepalive: true }).catch(() => {})
            await new Promise((resolve) => setTimeout(resolve, Math.random() * 60))
          }
        }
        request().catch(() => {})
      }, kill)
      await new Promise((resolve) => setTimeout(resolve, 300 + Math.random() * 1700))
      await browser.crash()

      const next = await open()
      await next.evaluate(() => window.chat.settled())
      const { log, status, seen } = await next.evaluate(async () => {
        const log: (readonly [type: string, id: string])[] = []
        const newest: string[] = []
        for await (const { type, data, sequence, commandId } of window.chat.history()) {
          log.push([type, (data as { id: string }).id])
          newest.push(`${sequence} ${type} ${(data as { id: string }).id} by ${commandId}`)
        }
        const { lastError, reactions, restored } = window.chat.status
        const letters = await window.deadLetters()
        const seen = JSON.stringify({ reactions, restored, lastError, letters, newest: newest.slice(-12) }, null, 1)
        return { log, seen, status: { lost: (lastError as { kind?: string } | undefined)?.kind === 'lost', reactions } }
      })
      const requested = log.flatMap(([type, id]) => (type === 'turnRequested' ? id : []))
      const ended = log.flatMap(([type, id]) => (type === 'turnRequested' ? [] : id))
      // Chromium itself deleted the database, and the mirror restored events that are older than two seconds.
      const lost = [...acknowledged].filter((id) => !requested.includes(id))
      if (status.lost) {
        total.deletedByBrowser++
        total.lost += lost.length
        for (const id of lost) acknowledged.delete(id)
      } else expect(lost).toEqual([])
      expect([...ended].sort()).toEqual([...requested].sort())
      expect(new Set(ended).size).toBe(ended.length)
      expect(status.reactions, `after kill ${kill + 1}: ${seen}`).toMatchObject({ answer: { open: 0, dead: 0 } })
      const lanes: Record<string, number[]> = {}
      for (const id of ended) {
        const [, round, number] = id.split('-')
        ;(lanes[`${round} ${Number(number) % 20}`] ??= []).push(Number(number))
      }
      for (const numbers of Object.values(lanes)) expect(numbers).toEqual([...numbers].sort((a, b) => a - b))
      Object.assign(total, {
        acknowledged: acknowledged.size,
        finished: log.filter(([type]) => type === 'turnFinished').length,
        interrupted: log.filter(([type]) => type === 'turnInterrupted').length,
      })
      await next.close()
    }
    console.log(`${KILLS} kills in a storm of turns: ${JSON.stringify(total)}`)
    for (const ids of provider.values()) expect(ids.size).toBe(1)
    expect(total.finished).toBeGreaterThan(KILLS)
    expect(total.acknowledged).toBeGreaterThan(KILLS)
  })
})

const bodyOf = async (request: AsyncIterable<Buffer>): Promise<string> => {
  let body = ''
  for await (const part of request) body += part
  return body
}
