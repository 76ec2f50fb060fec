import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  chromium,
  has,
  type PlaywrightBrowser,
  type PlaywrightTab,
  type Server,
  serve,
} from '../browser/harness/index.ts'
import { type PackedApp, packedApp } from './packed.ts'
import { root, run } from './run.ts'
import type {} from './walk/main.ts'

/** The number of records in a store of the log's database. */
const countOf = (tab: PlaywrightTab, store: string) =>
  tab.evaluate(
    (store) =>
      new Promise<number>((resolve, reject) => {
        const request = indexedDB.open('tidemark:todos')
        request.onerror = () => reject(request.error)
        request.onsuccess = () => {
          const count = request.result.transaction(store).objectStore(store).count()
          count.onsuccess = () => {
            request.result.close()
            resolve(count.result)
          }
        }
      }),
    store,
  )

/** A service worker that caches every file of the build when it is installed, like precaching plugins. It prefers the network to its cache. */
const serviceWorker = (files: readonly string[]) => `
addEventListener('install', (event) => {
  skipWaiting()
  event.waitUntil(caches.open('files').then((cache) => cache.addAll(${JSON.stringify(files)})))
})
addEventListener('activate', (event) => event.waitUntil(clients.claim()))
addEventListener('fetch', (event) => {
  const answer = async () => {
    const cache = await caches.open('files')
    try {
      const response = await fetch(event.request)
      if (response.ok) await cache.put(event.request, response.clone())
      return response
    } catch (error) {
      return (await cache.match(event.request)) ?? Promise.reject(error)
    }
  }
  event.respondWith(answer())
})
`

// These tests use the packed tarball in a default Vite build, to find mistakes that only a published package can have.
describe.skipIf(!has('chromium'))('the built package', () => {
  let app: PackedApp
  let builds: readonly string[]
  let browser: PlaywrightBrowser
  beforeAll(async () => {
    app = packedApp(join(root, 'test/package/walk'))
    builds = [1, 2].map((build) => {
      app.write('build.ts', `export const build: number = ${build}\n`)
      // Every file of the second build has another path.
      const built = app.build(`dist-${build}`, ['--assetsDir', `assets-${build}`])
      const files = readdirSync(built, { recursive: true, encoding: 'utf8' }).filter((name) => /\.\w+$/.test(name))
      writeFileSync(join(built, 'sw.js'), serviceWorker(['./', ...files.map((name) => `./${name}`)]))
      return built
    })
    browser = await chromium()
  })
  afterAll(async () => {
    await browser?.close()
    app?.remove()
  })

  let site: string
  let server: Server
  let tabs: PlaywrightTab[]
  const deploy = (build: number) => {
    rmSync(site, { recursive: true, force: true })
    cpSync(builds[build - 1]!, site, { recursive: true })
  }
  beforeEach(async () => {
    site = join(app.folder, 'site')
    deploy(1)
    // Each server has another port, so its origin has no stored data yet.
    server = await serve(site)
    tabs = []
  })
  afterEach(async () => {
    const uncaught = tabs.flatMap(({ log }) => log.filter((line) => line.startsWith('uncaught')))
    await Promise.all(tabs.map((tab) => tab.close()))
    await server.close()
    expect(uncaught).toEqual([])
  })

  const open = async (query = '') => {
    const tab = await browser.open(`${server.url}${query}`)
    tabs.push(tab)
    await tab.waitFor(() => window.walk)
    return tab
  }
  const assets = () =>
    readdirSync(site, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.js') && name !== 'sw.js')
      .map((name) => `/${name}`)
  const notFound = { status: 404, headers: { 'content-type': 'text/plain' }, body: 'not found' }
  /** Waits for the reserve, which a tab loads a second after the first work of its visit was persisted. */
  const reserveIsLoaded = async () => {
    const files = assets().filter((path) => path.includes('/reserve-'))
    expect(files).not.toEqual([])
    for (const end = Date.now() + 60_000; !files.every((path) => server.requests.includes(path)); ) {
      if (Date.now() > end) throw new Error('the reserve was not loaded within a minute')
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
  /** Removes files from the server: by default all scripts that were not requested before. Returns the function that puts them back. */
  const removeFiles = (which = (path: string) => !server.requests.includes(path)) => {
    const removed = assets().filter(which)
    for (const path of removed) server.override(path, notFound)
    return () => {
      for (const path of removed) server.override(path, undefined)
    }
  }
  /** Closes the database connections of the page, as the browser may. */
  const disconnect = (tab: PlaywrightTab) =>
    tab.evaluate(() => {
      for (const database of window.connections) database.close()
      window.connections.clear()
    })
  /** Damages every page of the projections: no pipeline writes such a page. */
  const damagePages = (tab: PlaywrightTab) =>
    tab.evaluate(
      () =>
        new Promise<number>((resolve, reject) => {
          const request = indexedDB.open('tidemark:todos')
          request.onerror = () => reject(request.error)
          request.onsuccess = () => {
            const transaction = request.result.transaction('pages', 'readwrite')
            const pages = transaction.objectStore('pages')
            const keys = pages.getAllKeys()
            keys.onsuccess = () => {
              for (const key of keys.result) pages.put({ damaged: true }, pages.keyPath ? undefined : key)
            }
            transaction.oncomplete = () => {
              request.result.close()
              resolve(keys.result.length)
            }
            transaction.onabort = () => reject(transaction.error)
          }
        }),
    )

  it('opens and dispatches; a second tab shows the row, and a reload shows the rows that the worker persisted', async () => {
    const first = await open()
    expect(await first.evaluate(() => window.walk.opened())).toEqual({ state: 'ready', titles: [] })
    expect(await first.evaluate(() => window.walk.add('Buy milk'))).toBe(1)
    const second = await open()
    expect((await second.evaluate(() => window.walk.opened())).titles).toEqual(['Buy milk'])
    await second.evaluate(() => window.walk.add('Buy bread'))
    await first.waitFor(async () => (await window.walk.shown()).titles.length === 2)
    await first.evaluate(() => window.walk.projected())
    expect((await first.evaluate(() => window.walk.shown())).worker).toBe('shared')
    expect(await countOf(first, 'pages')).toBeGreaterThan(0)
    await first.reload()
    await first.waitFor(() => window.walk)
    expect((await first.evaluate(() => window.walk.opened())).titles).toEqual(['Buy milk', 'Buy bread'])
  })

  it('an open tab needs no further file after a lost connection, on a full disk, or for damaged pages above sealed segments', async () => {
    const origin = server.url.slice(0, -1)
    const cdp = await browser.context.newCDPSession(browser.context.pages()[0]!)
    // The quota is set before the origin stores data: later, Chromium checks its free space only from time to time.
    await cdp.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 20_000_000 })
    const tab = await open()
    await tab.evaluate(() => window.walk.add('Buy milk'))
    for (let i = 0; i < 30; i++) await tab.evaluate(() => window.walk.touch(1000))
    await tab.evaluate(() => window.walk.projected())
    await reserveIsLoaded()
    removeFiles()

    await disconnect(tab)
    expect(await tab.evaluate(() => window.walk.add('after a lost connection'))).toBe(30_002)
    expect((await tab.evaluate(() => window.walk.shown())).titles).toEqual(['Buy milk', 'after a lost connection'])

    let outcome = 'appended'
    for (let i = 0; i < 100 && outcome === 'appended'; i++)
      outcome = await tab.evaluate(() => window.walk.attempt(100, 10_000))
    expect(outcome).toBe('quota')
    await cdp.send('Storage.overrideQuotaForOrigin', { origin })
    const head = (await tab.evaluate(() => window.walk.add('after there was no space'))) ?? 0

    for (const end = Date.now() + 180_000; (await countOf(tab, 'segments')) === 0; ) {
      if (Date.now() > end) throw new Error('the worker sealed nothing within three minutes')
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
    await tab.evaluate(() => window.walk.projected())
    expect(await damagePages(tab)).toBeGreaterThan(0)
    const next = await open()
    const shown = await next.evaluate(() => window.walk.shown())
    expect(shown).toMatchObject({
      titles: ['Buy milk', 'after a lost connection', 'after there was no space'],
      touched: head - 3,
      sequence: head,
    })
    expect(await tab.evaluate(() => window.walk.add('the first tab goes on'))).toBe(head + 1)
  })

  it('reloads and writes offline under a service worker', async () => {
    const tab = await open()
    await tab.evaluate(async () => {
      await navigator.serviceWorker.register('./sw.js')
      await navigator.serviceWorker.ready
      await window.walk.add('Buy milk')
    })
    await tab.waitFor(() => navigator.serviceWorker.controller)
    await tab.reload()
    await tab.waitFor(() => window.walk)
    await tab.evaluate(() => window.walk.projected())
    server.override(/./, (request) => request.socket.destroy())
    await tab.reload()
    await tab.waitFor(() => window.walk)
    expect((await tab.evaluate(() => window.walk.opened())).titles).toEqual(['Buy milk'])
    expect(await tab.evaluate(() => window.walk.add('offline'))).toBe(2)
    await tab.evaluate(() => window.walk.projected())
    await tab.reload()
    await tab.waitFor(() => window.walk)
    expect((await tab.evaluate(() => window.walk.opened())).titles).toEqual(['Buy milk', 'offline'])
  })

  it('after a deploy that replaces all files, an open tab continues, and a new tab gets the new build', async () => {
    const before = await open()
    await before.evaluate(() => window.walk.add('of the first build'))
    await before.evaluate(() => window.walk.projected())
    const old = assets()
    deploy(2)
    expect(assets().filter((path) => old.includes(path))).toEqual([])
    await disconnect(before)
    expect(await before.evaluate(() => window.walk.add('after the deploy'))).toBe(2)
    const after = await open()
    expect(await after.evaluate(() => window.walk.build)).toBe(2)
    expect((await after.evaluate(() => window.walk.opened())).titles).toEqual([
      'of the first build',
      'after the deploy',
    ])
    await after.evaluate(() => window.walk.add('of the second build'))
    await before.waitFor(async () => (await window.walk.shown()).titles.length === 3)
    await before.evaluate(() => window.walk.add('of the first build again'))
    await after.waitFor(async () => (await window.walk.shown()).titles.length === 4)
    await Promise.all([before, after].map((tab) => tab.evaluate(() => window.walk.projected())))
  })

  it('a tab whose code cannot be loaded rejects with a typed error, or opens once the code can be loaded', async () => {
    const first = await open('?in-page')
    await first.evaluate(() => window.walk.add('Buy milk'))
    await first.evaluate(() => window.walk.projected())
    // The page, its script and the imports of that script load.
    const page = readFileSync(join(site, 'index.html'), 'utf8')
    const restoreFiles = removeFiles((path) => !page.includes(path))
    const tab = await open('?in-page')
    const outcome = await tab.evaluate(() =>
      window.walk.opened().then(
        ({ titles }) => titles.join(),
        ({ name, kind }) => `${name} ${kind}`,
      ),
    )
    expect(['Buy milk', 'StorageError unavailable']).toContain(outcome)
    restoreFiles()
    if (outcome !== 'Buy milk') {
      await tab.reload()
      await tab.waitFor(() => window.walk)
    }
    expect(await tab.evaluate(() => window.walk.add('once it could'))).toBe(2)
    await tab.evaluate(() => window.walk.projected())
  })

  it('on a server, a module that opens the engine gets an empty engine, whose status says so and which refuses commands', () => {
    const built = app.build('dist-server', ['--ssr', 'server.ts'])
    expect(JSON.parse(run(process.execPath, [join(built, 'server.js')], app.folder))).toEqual({
      state: 'ready',
      storage: 'memory',
      worker: 'none',
      titles: 0,
      lastError: expect.stringContaining('This is a server'),
      refused: expect.stringContaining('This is a server'),
    })
  })

  it.each([
    ['in one file writes', 'codeSplitting: false', /^appended 1$/],
    ['in several files says what to do', '', /StorageError: .*bundle it into one file/],
  ])('a service worker %s', async (_, output, expected) => {
    // Vite alone builds no service workers, so this build is a library.
    app.write(
      'background.vite.mjs',
      `export default { build: { lib: { entry: 'background.ts', formats: ['es'] }, minify: true, rolldownOptions: { output: { entryFileNames: 'background.js', ${output} } } } }`,
    )
    cpSync(app.build('dist-background', ['--config', 'background.vite.mjs']), join(site, 'background'), {
      recursive: true,
    })
    const tab = await open()
    const answer = await tab.evaluate(async () => {
      const registration = await navigator.serviceWorker.register('./background/background.js', { type: 'module' })
      const { active, waiting, installing } = registration
      const { port1, port2 } = new MessageChannel()
      const answer = new Promise<string>((resolve) => {
        port1.onmessage = ({ data }) => resolve(data)
      })
      ;(active ?? waiting ?? installing)?.postMessage('go', [port2])
      return answer
    })
    expect(answer).toMatch(expected)
  })

  it('if a bundler leaves the URL of the worker unchanged, the pipeline runs in the page, and the console says so once', async () => {
    const rolldown = join(root, 'node_modules/rolldown/bin/cli.mjs')
    run(process.execPath, [rolldown, 'main.ts', '--dir', join(site, 'plain')], app.folder)
    writeFileSync(
      join(site, 'plain/index.html'),
      readFileSync(join(app.folder, 'index.html'), 'utf8').replace('./main.ts', './main.js'),
    )
    const tab = await open('plain/')
    expect(await tab.evaluate(() => window.walk.add('Buy milk'))).toBe(1)
    await tab.evaluate(() => window.walk.projected())
    expect((await tab.evaluate(() => window.walk.shown())).worker).toBe('in-page')
    const warnings = tab.log.filter((line) => line.startsWith('warning: tidemark'))
    expect(warnings).toEqual([expect.stringMatching(/the worker of "todos" .* in the page instead.*guide/s)])
  })
})
