import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { chromium, has, type PlaywrightBrowser, type Server, serve } from '../browser/harness/index.ts'
import { type PackedApp, packedApp } from './packed.ts'
import { root } from './run.ts'

/** Bytes, gzip; files, with the page itself. On the way to 24,000 and 20,000 bytes. */
const LIMITS = { page: 34_000, worker: 24_500, files: 8 }
/** Milliseconds without a request after which the visit counts as loaded. */
const QUIET_MS = 1500

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

  it('of a minimal app in a default Vite build is within its limits, until it is open and has persisted', async () => {
    const tab = await browser.open(server.url)
    await tab.waitFor(() => document.title === 'persisted')
    for (let known = -1; known < server.sent.length; ) {
      known = server.sent.length
      await new Promise((resolve) => setTimeout(resolve, QUIET_MS))
    }
    const parts = server.sent.map(({ path, bytes }) => ({ path: path.replace(/^\/assets\//, ''), bytes }))
    const sum = (of: typeof parts) => of.reduce((total, { bytes }) => total + bytes, 0)
    const worker = sum(parts.filter(({ path }) => path.startsWith('worker-')))
    const total = sum(parts)
    console.log(
      `a first visit: ${total} bytes (page ${total - worker}, worker ${worker}) in ${parts.length} files\n` +
        parts.map(({ path, bytes }) => `${String(bytes).padStart(7)} ${path}`).join('\n'),
    )
    expect(total - worker).toBeLessThanOrEqual(LIMITS.page)
    expect(worker).toBeLessThanOrEqual(LIMITS.worker)
    expect(parts.length).toBeLessThanOrEqual(LIMITS.files)
    expect(tab.log.filter((line) => line.startsWith('uncaught'))).toEqual([])
  })
})
