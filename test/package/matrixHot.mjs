import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { chromium as playwright } from 'playwright-core'
import { findBrowsers } from '../browser/harness/find.mjs'

/** @typedef {{ file: string, text: (heading: string) => string }} Component A file, with a heading that an edit changes. */

/** Milliseconds within which the page must show an edit. */
const SHOW_MS = 30_000
const EDITS = 5

/** Opens the engine of the README, and counts its listeners. */
const start = `import { openEngine } from 'tidemark'
import { todoApp } from './todos.ts'

export const start = async () => {
  const opened: any = await openEngine(todoApp, {
    worker: () => new SharedWorker(new URL('./todos.worker.ts', import.meta.url), { type: 'module' }),
  })
  await opened.dispatch.add({ title: 'Buy milk' })
  const subscribe = (listener: () => void) => {
    const { counts } = window as any
    counts.listeners++
    const end = opened.subscribe(listener)
    return () => {
      counts.listeners--
      end()
    }
  }
  const engine = Object.create(opened, { subscribe: { value: subscribe } })
  Object.assign(window, { engine })
  return engine
}
`
const configOf = (/** @type {string} */ from, /** @type {string} */ plugin) => `${from}
export default { plugins: [${plugin}], optimizeDeps: { include: ['tidemark/worker'] } }`
const page = (/** @type {string} */ script) =>
  `<!doctype html><title>app</title><div id="app"></div><script type="module" src="./${script}"></script>`
const jsx = (/** @type {string} */ from, /** @type {string} */ hook, /** @type {string} */ value) => ({
  file: 'App.tsx',
  text: (/** @type {string} */ heading) => `import { ${hook} } from 'tidemark/${from}'
export default function App(props: { engine: any }) {
  const todos: any = ${hook}(props.engine, (read: any) => read.todos.all())
  return <><h1>${heading}</h1><p>{${value}.map((todo: any) => todo.title).join(', ')}</p></>
}`,
})

/**
 * An app of each framework that is edited while it runs.
 * @type {readonly { name: string, also: Record<string, string>, files: Record<string, string>, component: Component }[]}
 */
export const hotApps = [
  {
    name: 'react',
    also: { '@vitejs/plugin-react': '^6', react: '^19', 'react-dom': '^19' },
    files: {
      'vite.config.js': configOf("import react from '@vitejs/plugin-react'", 'react()'),
      'index.html': page('main.tsx'),
      'main.tsx': `import { createRoot } from 'react-dom/client'
import App from './App.tsx'
import { start } from './start.ts'
start().then((engine) => createRoot(document.getElementById('app')!).render(<App engine={engine} />))`,
    },
    component: jsx('react', 'useRead', 'todos'),
  },
  {
    name: 'preact',
    also: { '@preact/preset-vite': '^2', preact: '^10' },
    files: {
      'vite.config.js': configOf("import preact from '@preact/preset-vite'", 'preact()'),
      'index.html': page('main.tsx'),
      'main.tsx': `import { render } from 'preact'
import App from './App.tsx'
import { start } from './start.ts'
start().then((engine) => render(<App engine={engine} />, document.getElementById('app')!))`,
    },
    component: jsx('preact', 'useRead', 'todos'),
  },
  {
    name: 'solid',
    also: { 'vite-plugin-solid': '^2', 'solid-js': '^1' },
    files: {
      'vite.config.js': configOf("import solid from 'vite-plugin-solid'", 'solid()'),
      'index.html': page('main.tsx'),
      'main.tsx': `import { render } from 'solid-js/web'
import App from './App.tsx'
import { start } from './start.ts'
start().then((engine) => render(() => <App engine={engine} />, document.getElementById('app')!))`,
    },
    component: jsx('solid', 'createRead', 'todos()'),
  },
  {
    name: 'vue',
    also: { '@vitejs/plugin-vue': '^6', vue: '^3' },
    files: {
      'vite.config.js': configOf("import vue from '@vitejs/plugin-vue'", 'vue()'),
      'index.html': page('main.ts'),
      'main.ts': `import { createApp } from 'vue'
import App from './App.vue'
import { start } from './start.ts'
start().then((engine) => createApp(App, { engine }).mount('#app'))`,
    },
    component: {
      file: 'App.vue',
      // An edit also changes the script, so the component's setup runs again.
      text: (/** @type {string} */ heading) => `<script setup>
import { computed } from 'vue'
import { useRead } from 'tidemark/vue'
const props = defineProps(['engine'])
const todos = useRead(() => props.engine, (read) => read.todos.all())
const heading = computed(() => '${heading}')
</script>
<template><h1>{{ heading }}</h1><p>{{ todos.map(({ title }) => title).join(', ') }}</p></template>`,
    },
  },
  {
    name: 'svelte',
    also: { '@sveltejs/vite-plugin-svelte': '^7', svelte: '^5' },
    files: {
      'vite.config.js': configOf("import { svelte } from '@sveltejs/vite-plugin-svelte'", 'svelte()'),
      'index.html': page('main.ts'),
      'main.ts': `import { mount } from 'svelte'
import App from './App.svelte'
import { start } from './start.ts'
start().then((engine) => mount(App, { target: document.getElementById('app'), props: { engine } }))`,
    },
    component: {
      file: 'App.svelte',
      text: (/** @type {string} */ heading) => `<script>
import { fromRead } from 'tidemark/svelte'
const { engine } = $props()
const todos = fromRead(() => engine, (read) => read.todos.all())
</script>
<h1>${heading}</h1><p>{todos.current.map(({ title }) => title).join(', ')}</p>`,
    },
  },
].map((app) => ({
  ...app,
  files: { ...app.files, 'start.ts': start, [app.component.file]: app.component.text('Edit 0') },
}))

/**
 * Starts Vite's development server of an app without its file watcher. The watcher reports only one change of a file in 50 ms, so it would miss
 * the second of two quick edits, as only a program makes them. Instead, the caller reports each change.
 * @type {(root: string) => Promise<import('vite').ViteDevServer>}
 */
const develop = async (root) => {
  /** @type {typeof import('vite')} */
  const { createServer } = await import(pathToFileURL(join(root, 'node_modules/vite/dist/node/index.js')).href)
  const server = await createServer({
    root,
    configFile: join(root, 'vite.config.js'),
    logLevel: 'warn',
    server: { host: '127.0.0.1', port: 0, watch: null },
  })
  return server.listen()
}

/**
 * Edits a component while Vite's development server shows it. Throws unless each edit shows without a reload, the engine keeps working, the
 * console stays empty, and no worker, channel, connection or listener is added. Returns a sentence if there is no Chromium.
 * @type {(app: string, component: Component) => Promise<string | undefined>}
 */
export async function editHot(app, { file, text }) {
  const { chromium } = findBrowsers()
  if (!chromium) return 'not opened: there is no Chromium'
  const vite = await develop(app)
  const browser = await playwright.launch({ executablePath: chromium.path, args: ['--no-sandbox'] })
  try {
    const page = await browser.newPage()
    /** @type {string[]} */
    const logged = []
    page.on('console', (message) => {
      if (['warning', 'error'].includes(message.type()) && !message.location().url.endsWith('/favicon.ico'))
        logged.push(message.text())
    })
    page.on('pageerror', (error) => logged.push(String(error)))
    await page.addInitScript(countOpened)
    const shows = (/** @type {string} */ heading, /** @type {string} */ rows) =>
      page
        .waitForFunction(
          ([heading, rows]) =>
            document.querySelector('h1')?.textContent === heading && document.querySelector('p')?.textContent === rows,
          [heading, rows],
          { timeout: SHOW_MS },
        )
        .catch(async () => {
          const shown = await page.evaluate(() => document.body.textContent)
          throw new Error(`"${heading}" with "${rows}" does not show, but ${shown}. The console: ${logged.join('\n')}`)
        })
    const state = () => page.evaluate(() => /** @type {any} */ (window).counts)
    await page.goto(vite.resolvedUrls?.local[0] ?? '')
    await shows('Edit 0', 'Buy milk')
    await page.waitForFunction(() => /** @type {any} */ (window).engine.status.projected > 0, undefined, {
      timeout: SHOW_MS,
    })
    const before = await state()
    await page.evaluate(() => Object.assign(window, { isSamePage: true }))
    let rows = 'Buy milk'
    for (let edit = 1; edit <= EDITS; edit++) {
      const edited = join(app, file)
      writeFileSync(edited, text(`Edit ${edit}`))
      vite.watcher.emit('change', edited)
      await shows(`Edit ${edit}`, rows)
      await page.evaluate((title) => /** @type {any} */ (window).engine.dispatch.add({ title }), `${edit}`)
      rows += `, ${edit}`
      await shows(`Edit ${edit}`, rows)
    }
    if (!(await page.evaluate(() => /** @type {any} */ (window).isSamePage)))
      throw new Error('the page was loaded again')
    const after = await state()
    if (JSON.stringify(after) !== JSON.stringify(before))
      throw new Error(`${EDITS} edits opened more: ${JSON.stringify({ before, after })}`)
    if (logged.length) throw new Error(`the console: ${logged.join('\n')}`)
    return
  } finally {
    await browser.close()
    await vite.close()
  }
}

/** In the page: counts what an engine opens. */
function countOpened() {
  const counts = { workers: 0, channels: 0, connections: 0, listeners: 0 }
  Object.assign(window, { counts })
  const { SharedWorker, BroadcastChannel } = window
  window.SharedWorker = class extends SharedWorker {
    /** @param {ConstructorParameters<typeof SharedWorker>} given */
    constructor(...given) {
      super(...given)
      counts.workers++
    }
  }
  window.BroadcastChannel = class extends BroadcastChannel {
    /** @param {ConstructorParameters<typeof BroadcastChannel>} given */
    constructor(...given) {
      super(...given)
      counts.channels++
    }
    /** @override */
    close() {
      counts.channels--
      super.close()
    }
  }
  const { open } = IDBFactory.prototype
  IDBFactory.prototype.open = function (...given) {
    const request = open.apply(this, given)
    request.addEventListener('success', () => {
      counts.connections++
    })
    return request
  }
  const { close } = IDBDatabase.prototype
  IDBDatabase.prototype.close = function () {
    counts.connections--
    close.call(this)
  }
}
