import { readdirSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { basename, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { defineConfig, type ViteUserConfig as UserConfig } from 'vitest/config'

const path = (file: string) => fileURLToPath(new URL(file, import.meta.url))
const target = ['chrome110', 'firefox115', 'safari16.4']
/** Each is a binding of the framework that it is named after. */
const bindings = ['react', 'vue', 'svelte', 'solid', 'preact', 'lit', 'angular']
const entries = [
  'index',
  'worker',
  ...bindings,
  'drafts',
  'sync',
  'reactions',
  'tables',
  'testing',
  'tools',
  'nats',
  'devtools',
]

/** Tests and demo read the sources, so nothing has to be built first. */
const alias = [
  { find: /^tidemark$/, replacement: path('src/index.ts') },
  { find: /^tidemark\/(.*)$/, replacement: path('src/$1.ts') },
]

interface Graph {
  getModuleInfo(
    id: string,
  ): { readonly importedIds: readonly string[]; readonly dynamicallyImportedIds: readonly string[] } | null
}

const isOfModelRoom = (file: string): boolean => relative(path('src'), file).split(sep)[0] === 'model'

/**
 * The file of each module. An app's bundler splits by who shares what, and made thirty chunks of one module per source, so:
 * - A module goes into the file of the first entry or part that needs it, in the order in which a page loads them.
 * - The model has a file with what it imports, so that a worker that imports the app's model does not reach the code of the page.
 * - A module with an `import()` has a file, and those that lead to one are apart from those that do not. Otherwise a part and a file that
 *   loads it would keep each other in bundles that use neither, and Vite 8 refuses to build such a worker.
 */
const createPlaces = () => {
  let places: Map<string, string | null> | undefined
  const placeAll = (graph: Graph) => {
    const infoOf = (id: string) => graph.getModuleInfo(id) ?? { importedIds: [], dynamicallyImportedIds: [] }
    const loads = (id: string) => infoOf(id).dynamicallyImportedIds.length > 0
    const closureOf = (id: string) => {
      const closure = new Set([id])
      for (const one of closure) for (const next of infoOf(one).importedIds) closure.add(next)
      return [...closure]
    }
    const index = closureOf(path('src/index.ts'))
    const model = new Set(index.filter(isOfModelRoom).flatMap(closureOf))
    const fileOf = (id: string, root: string) => {
      if (id === root) return null
      if (loads(id)) return `code/${relative(path('src'), id).split(sep).join('-').replace(/\.ts$/, '')}`
      if (model.has(id)) return 'code/model'
      return `code/${basename(root, '.ts')}${closureOf(id).some(loads) ? '-loading' : ''}`
    }
    const found = new Map<string, string | null>()
    for (const name of entries) {
      const roots = [path(`src/${name}.ts`)]
      // The parts of a file before the parts of those.
      for (const root of roots) {
        const fresh = closureOf(root).filter((id) => !found.has(id))
        for (const id of fresh) found.set(id, fileOf(id, root))
        for (const id of fresh) roots.push(...infoOf(id).dynamicallyImportedIds)
      }
    }
    return found
  }
  return (id: string, graph: Graph): string | null => {
    places ??= placeAll(graph)
    return places.get(id) ?? null
  }
}

/** What an app installs itself. The devtools bring their own lit. */
const external = /^(dexie|comlink|react|vue|svelte|solid-js|preact|lit|@angular\/core|@nats-io)($|\/)/

/** What coding assistants read of an installed package: `dist/agents`. */
const agents = () => ({
  name: 'agents',
  generateBundle(this: { emitFile(file: { type: 'asset'; fileName: string; source: string }): string }) {
    for (const file of ['llms.txt', 'tidemark/SKILL.md'])
      this.emitFile({
        type: 'asset',
        fileName: `agents/${file}`,
        source: readFileSync(path(`src/agents/${file}`), 'utf8'),
      })
  },
})

/** A file per entry and part, nothing minified: an app's bundler keeps what it uses, a reader can read it. */
const library = (development: boolean): UserConfig => ({
  define: { __DEV__: String(development) },
  // Of what is bundled, which is lit: its development build speaks to the console of the app.
  resolve: { conditions: ['module', 'browser', 'production'] },
  plugins: development ? [] : [agents()],
  build: {
    target,
    minify: false,
    outDir: development ? 'dist/development' : 'dist',
    lib: { entry: entries.map((name) => path(`src/${name}.ts`)), formats: ['es'] },
    rolldownOptions: {
      external: (id, importer) => external.test(id) && !importer?.startsWith(path('src/devtools/')),
      // Entries export nothing else: what is shared is in files of its own.
      preserveEntrySignatures: 'allow-extension',
      output: {
        entryFileNames: '[name].js',
        chunkFileNames: '[name].js',
        minifyInternalExports: false,
        codeSplitting: {
          groups: [{ name: createPlaces(), debugName: 'parts' }],
          includeDependenciesRecursively: false,
        },
      },
    },
  },
})

/** Templates of apps, and what packages bring along. */
const notPages = /(^|[\\/])(node_modules|create)[\\/]/

/** Every .html file of the folder is a page. Production builds, served as a visitor gets them. */
const pages = (folder: string, mode: string, serving: boolean, plugins: UserConfig['plugins'] = []): UserConfig => ({
  root: path(folder),
  plugins,
  base: './',
  appType: 'mpa',
  resolve: { alias },
  define: { __DEV__: String(serving) },
  worker: { format: 'es' },
  build: {
    target,
    outDir: path(`build/${mode}`),
    emptyOutDir: true,
    rolldownOptions: {
      input: readdirSync(path(folder), { recursive: true, encoding: 'utf8' })
        .filter((file) => file.endsWith('.html') && !notPages.test(file))
        .map((file) => path(`${folder}/${file}`)),
    },
  },
  preview: { port: 4173 },
})

/** Tests of failures and of what an app imports that the package has to pass as it is published, too. */
const ofPackage = [
  'test/engine/open.test.ts',
  'test/engine/trouble.test.ts',
  'test/engine/unreadable.test.ts',
  'test/engine/onDisk.test.ts',
  'test/engine/subscribe.test.ts',
  'test/engine/tools/destroy.test.ts',
  'test/projections/lost.test.ts',
  'test/react/react.test.tsx',
  'test/testing/*.test.ts',
]

/** Files at a time: databases and browsers wait for disk and timers for much of the time. */
const WORKERS = Math.max(4, availableParallelism() - 1)
const BROWSERS = 3
const PATIENCE_MS = 240_000
/** No test is timed: one that hangs is found, one that is slow on a busy machine does not fail. */
const unhurried = {
  testTimeout: PATIENCE_MS,
  hookTimeout: PATIENCE_MS,
  expect: { poll: { timeout: 20_000 } },
}

/**
 * Rooms first, then the package and the browsers.
 * What they build is built once, before the first of them.
 */
const tests = async (): Promise<UserConfig> => ({
  resolve: { alias },
  define: { __DEV__: 'true' },
  test: {
    sequence: { sequencer: (await import('./test/longestFirst.ts')).default },
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.{ts,tsx}'],
          exclude: [
            ...['browser', 'frameworks', 'package', 'bench'].map((folder) => `test/${folder}/**`),
            'test/**/*.production.test.ts',
          ],
          ...unhurried,
          maxWorkers: WORKERS,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        // Without the checks of development.
        define: { __DEV__: 'false' },
        test: {
          name: 'production',
          include: ['test/**/*.production.test.ts'],
          ...unhurried,
          maxWorkers: WORKERS,
          sequence: { groupOrder: 0 },
        },
      },
      ...['package', 'browser', 'frameworks'].map((name) => ({
        extends: true as const,
        test: {
          name,
          include: [`test/${name}/**/*.test.ts`],
          globalSetup: path(`test/${name}/setup.ts`),
          setupFiles: path('test/browser/harness/tell.ts'),
          ...unhurried,
          maxWorkers: BROWSERS,
          sequence: { groupOrder: 1 },
        },
      })),
      {
        resolve: {
          alias: [
            { find: /^tidemark$/, replacement: path('build/packed/package/dist/development/index.js') },
            { find: /^tidemark\/(.*)$/, replacement: path('build/packed/package/dist/development/$1.js') },
          ],
        },
        define: { __DEV__: 'true' },
        test: {
          name: 'built',
          include: ofPackage,
          globalSetup: path('test/package/setup.ts'),
          ...unhurried,
          maxWorkers: BROWSERS,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})

/** What makes the site is loaded for the site only: tests and the library read this file too. */
const demo = async (serving: boolean): Promise<UserConfig> => {
  const [{ site }, { offline }] = await Promise.all([import('./demo/site/site.ts'), import('./demo/site/offline.ts')])
  return pages('demo', 'demo', serving, [await site(), await offline()])
}

export default defineConfig(({ mode, command, isPreview }) => {
  if (process.env.VITEST) return tests()
  if (mode === 'demo') return isPreview ? pages('demo', mode, false) : demo(command === 'serve')
  if (mode === 'pages') return pages('test/browser/pages', mode, false)
  return library(mode === 'development')
})
