import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { extname, join } from 'node:path'
import { chromium as playwright } from 'playwright-core'
import { findBrowsers } from '../browser/harness/find.mjs'

/** Milliseconds within which a built page must show its rows and have its worker. */
const OPEN_MS = 30_000
const TYPES = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.css': 'text/css',
  '.json': 'application/json',
  '.txt': 'text/plain',
}

/** A service worker that caches every file of a build, and answers only from that cache. */
const precaching = (/** @type {readonly string[]} */ files) => `
const files = ${JSON.stringify(files)}
addEventListener('install', (event) => event.waitUntil(caches.open('all').then((cache) => cache.addAll(files)).then(() => skipWaiting())))
addEventListener('activate', (event) => event.waitUntil(clients.claim()))
addEventListener('fetch', (event) => event.respondWith(
  caches.match(event.request, { ignoreSearch: true }).then((found) => found ?? fetch(event.request))))
`

/** @type {(site: string) => string[]} */
const filesOf = (site) =>
  readdirSync(site, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => encodeURI(join(parentPath, name).slice(site.length).replaceAll('\\', '/')))

/**
 * Opens a build. Throws unless the page shows its row, the browser has a shared worker, and the console stays empty. All of this must also
 * hold after a reload without a server. `act` adds the row if the page does not. Returns a sentence if there is no Chromium.
 * @type {(site: string, act?: (page: import('playwright-core').Page) => Promise<unknown>) => Promise<string | undefined>}
 */
export async function openBuilt(site, act) {
  const { chromium } = findBrowsers()
  if (!chromium) return 'not opened: there is no Chromium'
  const files = filesOf(site)
  writeFileSync(join(site, 'precache.js'), precaching(['/', ...files.filter((file) => !/\.map$/.test(file))]))
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://loopback').pathname)
    const file = join(site, path.endsWith('/') ? `${path}index.html` : path)
    if (!existsSync(file)) return response.writeHead(404).end()
    const type = TYPES[/** @type {keyof typeof TYPES} */ (extname(file))] ?? 'application/octet-stream'
    response.writeHead(200, { 'content-type': type, connection: 'close' }).end(readFileSync(file))
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)))
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  const browser = await playwright.launch({ executablePath: chromium.path, args: ['--no-sandbox'] })
  try {
    const page = await browser.newPage()
    /** @type {string[]} */
    const logged = []
    page.on('console', (message) => {
      // Browsers request an icon, which the builds do not have.
      if (!message.location().url.endsWith('/favicon.ico')) logged.push(message.text())
    })
    page.on('pageerror', (error) => logged.push(String(error)))
    const works = async (/** @type {string} */ when) => {
      const shows = () => document.body.textContent?.includes('Buy milk')
      await page.waitForFunction(shows, undefined, { timeout: OPEN_MS }).catch(() => {
        throw new Error(`${when}: the page does not show its row. The console: ${logged.join('\n')}`)
      })
      const session = await browser.newBrowserCDPSession()
      for (const until = Date.now() + OPEN_MS; ; ) {
        const { targetInfos } = await session.send('Target.getTargets')
        if (targetInfos.some(({ type }) => type === 'shared_worker')) break
        if (Date.now() > until)
          throw new Error(`${when}: the page works, but there is no SharedWorker. The console: ${logged.join('\n')}`)
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
      // A worker that cannot start also exists for a moment, but it leaves a message in the console.
      if (logged.length) throw new Error(`${when}: the console has ${logged.join('\n')}`)
    }
    await page.goto(`http://127.0.0.1:${port}/`)
    await act?.(page)
    await works('online')
    await page.evaluate(async () => {
      await navigator.serviceWorker.register('/precache.js')
      await navigator.serviceWorker.ready
      if (!navigator.serviceWorker.controller)
        await new Promise((resolve) =>
          navigator.serviceWorker.addEventListener('controllerchange', resolve, { once: true }),
        )
    })
    server.close()
    server.closeAllConnections()
    await page.reload()
    await works('offline')
    return
  } finally {
    await browser.close()
    server.close()
  }
}
