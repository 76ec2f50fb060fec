import { readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { defineConfig, type ViteUserConfig as UserConfig } from 'vitest/config'

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))
const target = ['chrome110', 'firefox115', 'safari16.4']
const entries = ['index', 'worker', 'react', 'tables', 'testing', 'tools']

/** Tests and demo read the sources, so nothing has to be built first. */
const alias = [
  { find: /^tidemark$/, replacement: path('src/index.ts') },
  { find: /^tidemark\/(.*)$/, replacement: path('src/$1.ts') },
]

/** One module per source file and nothing minified: an app's bundler keeps what it uses, a reader can read it. */
const library = (development: boolean): UserConfig => ({
  define: { __DEV__: String(development) },
  build: {
    target,
    minify: false,
    outDir: development ? 'dist/development' : 'dist',
    lib: { entry: entries.map((name) => path(`src/${name}.ts`)), formats: ['es'] },
    rolldownOptions: {
      external: /^(dexie|comlink|react)($|\/)/,
      output: { preserveModules: true, preserveModulesRoot: 'src', entryFileNames: '[name].js' },
    },
  },
})

/** Every .html file of the folder is a page. Production builds, served as a visitor gets them. */
const pages = (folder: string, mode: string, serving: boolean): UserConfig => ({
  root: path(folder),
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
        .filter((file) => file.endsWith('.html'))
        .map((file) => path(`${folder}/${file}`)),
    },
  },
  preview: { port: 4173 },
})

/** Rooms first, then the package, then browsers one file at a time: each browser has the machine to itself. */
const tests: UserConfig = {
  resolve: { alias },
  define: { __DEV__: 'true' },
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.{ts,tsx}'],
          exclude: ['test/browser/**', 'test/package/**', 'test/bench/**'],
          // Nothing here is timed: what hangs is found, what is slow on a busy machine is not a failure.
          testTimeout: 60_000,
          // One fewer than there are processors, by default: of two, one would idle.
          maxWorkers: Math.max(2, availableParallelism() - 1),
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'package',
          include: ['test/package/**/*.test.ts'],
          testTimeout: 240_000,
          hookTimeout: 240_000,
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: 'browser',
          include: ['test/browser/**/*.test.ts'],
          testTimeout: 240_000,
          hookTimeout: 240_000,
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
}

export default defineConfig(({ mode, command, isPreview }) => {
  if (process.env.VITEST) return tests
  if (mode === 'demo') return pages('demo', mode, command === 'serve' && !isPreview)
  if (mode === 'pages') return pages('test/browser/pages', mode, false)
  return library(mode === 'development')
})
