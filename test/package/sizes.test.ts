import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { type InputOptions, type OutputChunk, rolldown } from 'rolldown'
import { build, type Rolldown } from 'vite'
import { expect, it } from 'vitest'
import { root } from './run.ts'

const target = ['chrome110', 'firefox115', 'safari16.4']
const libraries = /^(dexie|comlink|react)($|\/)/
const alias = { tidemark: join(root, 'src/index.ts'), 'tidemark/worker': join(root, 'src/worker.ts') }
const gzip = (text: string | Uint8Array) => gzipSync(text, { level: 9 }).length
const sum = (files: readonly { readonly bytes: number }[]) => files.reduce((total, { bytes }) => total + bytes, 0)

/** Rolldown by itself: Vite would add its preloading of chunks, which is no part of the package. */
const bundle = async (options: InputOptions) => {
  const bundled = await rolldown({
    platform: 'browser',
    transform: { target, define: { __DEV__: 'false', 'process.env.NODE_ENV': '"production"' } },
    preserveEntrySignatures: 'strict',
    logLevel: 'silent',
    ...options,
  })
  const { output } = await bundled.generate({ format: 'es', minify: true })
  return output
    .filter((file): file is OutputChunk => file.type === 'chunk')
    .map(({ fileName, code, modules }) => ({
      fileName,
      bytes: gzip(code),
      modules: Object.entries(modules).map(([id, { renderedLength }]) => `${id.replace(root, '')} ${renderedLength}`),
    }))
}

it.each([
  { entry: 'index.ts', name: 'tidemark', limit: 8192 },
  { entry: 'worker.ts', name: 'tidemark/worker', limit: 6144 },
  { entry: 'react.ts', name: 'tidemark/react', limit: 1024 },
])('$name loads at most $limit bytes, gzipped, without dexie, comlink and React', async ({ entry, name, limit }) => {
  const options = { input: join(root, 'src', entry), external: libraries }
  const whole = await bundle(options)
  // What comes by import() is left out: its limit is that of the whole app, below.
  const later = { name: 'later', resolveDynamicImport: (id: unknown) => ({ id: String(id), external: true }) }
  const first = await bundle({ ...options, plugins: [later] })
  console.log(`${name}: ${sum(first)} of ${limit} bytes; with what import() loads later: ${sum(whole)}`)
  expect(sum(first), JSON.stringify(first, null, 1)).toBeLessThanOrEqual(limit)
})

// The goal is 50 kB. In one chunk it is 50.7; the rest is what two dozen separately compressed chunks cost.
it('a minimal app does not grow past 75 kB, code shared by page and worker counted once', async () => {
  const app = join(root, 'test/package/app')
  const once = await bundle({
    input: { page: join(app, 'page.ts'), worker: join(app, 'worker.ts') },
    resolve: { alias },
  })
  // Vite bundles a worker by itself, so a default build carries shared code twice.
  const built = (await build({
    configFile: false,
    logLevel: 'silent',
    root: app,
    define: { __DEV__: 'false' },
    resolve: {
      alias: [
        { find: /^tidemark$/, replacement: alias.tidemark },
        { find: /^tidemark\/worker$/, replacement: alias['tidemark/worker'] },
      ],
    },
    build: { write: false, target },
  })) as Rolldown.RolldownOutput
  const transferred = built.output
    .filter(({ fileName }) => fileName.endsWith('.js'))
    .map((file) => ({ name: file.fileName, bytes: gzip(file.type === 'chunk' ? file.code : file.source) }))
  console.log(`minimal app: ${sum(once)} bytes, goal 50000; transferred by a default build: ${sum(transferred)}`)
  expect(sum(once), JSON.stringify(once, null, 1)).toBeLessThanOrEqual(75_000)
})
