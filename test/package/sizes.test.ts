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
const bundle = async (options: InputOptions, codeSplitting = true) => {
  const bundled = await rolldown({
    platform: 'browser',
    transform: { target, define: { __DEV__: 'false', 'process.env.NODE_ENV': '"production"' } },
    preserveEntrySignatures: 'strict',
    logLevel: 'silent',
    ...options,
  })
  const { output } = await bundled.generate({ format: 'es', minify: true, codeSplitting })
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

// Parts that every visit loads, whatever the app: to dispatch, to find the worker, and in it to seal and to mirror.
const always = /\/(work|attach|tidy|mirror)\.ts$/

// What an app without a table on disk never loads, Dexie with it.
const never = /\/onDisk\.ts$/

it('a visit of a minimal app does not load more than 24 kB, code shared by page and worker counted once', async () => {
  const app = join(root, 'test/package/app')
  const entry = `import '${app}/main.ts'; import '${app}/worker.ts'`
  const whole = {
    name: 'both',
    resolveId: (id: string) => (id === 'both' ? id : undefined),
    load: (id: string) => (id === 'both' ? entry : undefined),
  }
  const without = (isLeftOut: (id: string) => boolean) => ({
    name: 'without',
    resolveDynamicImport: (id: unknown) => (isLeftOut(String(id)) ? { id: String(id), external: true } : undefined),
  })
  // The package has none, an app has nothing else.
  const treeshake = { moduleSideEffects: (id: string) => !id.startsWith(join(root, 'src')) }
  const options = { input: 'both', resolve: { alias }, treeshake }
  const visit = sum(await bundle({ ...options, plugins: [whole, without((id) => !always.test(id))] }, false))
  const all = sum(await bundle({ ...options, plugins: [whole, without((id) => never.test(id))] }, false))
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
  console.log(`minimal app: ${visit} bytes; with all it may ever load: ${all}; default build: ${sum(transferred)}`)
  expect(visit).toBeLessThanOrEqual(24_000)
  expect(all).toBeLessThanOrEqual(36_000)
})
