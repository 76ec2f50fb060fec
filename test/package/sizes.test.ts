import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { chromium, has, type PlaywrightBrowser, type Server, serve } from '../browser/harness/index.ts'
import { type PackedApp, packedApp } from './packed.ts'
import { root } from './run.ts'

/**
 * Limits in gzipped bytes and in files, with the page's HTML. The goal is 44,000 bytes: 24,000 for the page and 20,000 for the worker. Of the
 * page, 750 bytes are for logs with a remote, which may take 1,000. Of the worker, 400 bytes are for the second copy of unsent commands, and
 * 550 for the rows of the past. test/bench/report/limits.md lists the other bytes above the goal.
 * `reserve` is the code for an emergency. The tab loads it after the visit, so it delays nothing.
 */
const LIMITS = { page: 26_260, worker: 26_780, files: 4, reserve: 10_620 }
/** Milliseconds without a request after which the visit counts as loaded. */
const QUIET_MS = 1500

const sum = (of: readonly { readonly bytes: number }[]) => of.reduce((total, { bytes }) => total + bytes, 0)

describe.skipIf(!has('chromium'))('what a first visit transfers', () => {
  let app: PackedApp
  let server: Server
  let browser: PlaywrightBrowser
  beforeAll(async () => {
    app = packedApp(join(root, 'test/package/app'))
    server = await serve(app.build(), { gzip: true })
    browser = await chromium()
  })
  afterAll(async () => {
    await browser?.close()
    await server?.close()
    app?.remove()
  })

  it('of a minimal app in a default Vite build stays within its limits, until it is open and has persisted', async () => {
    const tab = await browser.open(server.url)
    await tab.waitFor(() => document.title === 'persisted')
    const first = server.sent.length
    for (let known = -1; known < server.sent.length; ) {
      known = server.sent.length
      await new Promise((resolve) => setTimeout(resolve, QUIET_MS))
    }
    const parts = server.sent.map(({ path, bytes }) => ({ path: path.replace(/^\/assets\//, ''), bytes }))
    const visit = parts.slice(0, first)
    const reserve = sum(parts.slice(first))
    const worker = sum(visit.filter(({ path }) => path.startsWith('worker-')))
    const page = sum(visit) - worker
    console.log(
      `a first visit: ${page + worker} bytes (page ${page}, worker ${worker}) in ${first} files, ${reserve} behind it\n` +
        parts.map(({ path, bytes }) => `${String(bytes).padStart(7)} ${path}`).join('\n'),
    )
    expect(page).toBeLessThanOrEqual(LIMITS.page)
    expect(worker).toBeLessThanOrEqual(LIMITS.worker)
    expect(first).toBeLessThanOrEqual(LIMITS.files)
    // After the visit, the tab loads only the code for an emergency.
    expect(parts.slice(first).filter(({ path }) => !path.startsWith('reserve-'))).toEqual([])
    expect(reserve).toBeGreaterThan(0)
    expect(reserve).toBeLessThanOrEqual(LIMITS.reserve)
    expect(tab.log.filter((line) => line.startsWith('uncaught'))).toEqual([])
  })
})
