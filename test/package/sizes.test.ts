import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build, type InlineConfig, type Rolldown } from 'vite'
import { expect, it } from 'vitest'
import { root } from './run.ts'

const libraries = /^(dexie|comlink|react)($|\/)/
const gzip = (text: string | Uint8Array) => gzipSync(text, { level: 9 }).length

const bundle = async (config: InlineConfig): Promise<Rolldown.RolldownOutput['output']> => {
  const result = await build({
    configFile: false,
    logLevel: 'silent',
    mode: 'production',
    root: join(root, 'test/package/app'),
    define: { __DEV__: 'false' },
    resolve: {
      alias: [
        { find: /^tidemark$/, replacement: join(root, 'src/index.ts') },
        { find: /^tidemark\/(.*)$/, replacement: join(root, 'src/$1.ts') },
      ],
    },
    ...config,
    build: { write: false, target: ['chrome110', 'firefox115', 'safari16.4'], modulePreload: false, ...config.build },
  })
  const outputs = (Array.isArray(result) ? result : [result]) as Rolldown.RolldownOutput[]
  return outputs.flatMap(({ output }) => output) as unknown as Rolldown.RolldownOutput['output']
}

/** What importing an entry loads: its chunk and what that imports, without what comes later by `import()`. */
const staticGraph = async (entry: string, external: RegExp) => {
  const output = await bundle({
    build: {
      rolldownOptions: { input: join(root, 'src', entry), external, preserveEntrySignatures: 'strict' },
    },
  })
  const chunks = new Map(output.flatMap((file) => (file.type === 'chunk' ? [[file.fileName, file] as const] : [])))
  const loaded = new Set<string>()
  const load = (name: string) => {
    const chunk = chunks.get(name)
    if (!chunk || loaded.has(name)) return
    loaded.add(name)
    chunk.imports.forEach(load)
  }
  for (const chunk of chunks.values()) if (chunk.isEntry) load(chunk.fileName)
  const sizes = [...chunks.values()].map(({ fileName, code, moduleIds }) => ({
    fileName,
    bytes: gzip(code),
    isStatic: loaded.has(fileName),
    modules: moduleIds.map((id) => id.replace(`${root}src/`, '')),
  }))
  const total = (isStatic: boolean) =>
    sizes.filter((one) => one.isStatic === isStatic).reduce((sum, { bytes }) => sum + bytes, 0)
  return { bytes: total(true), later: total(false), sizes }
}

const limits = [
  { entry: 'index.ts', name: 'tidemark', limit: 8192, external: libraries },
  { entry: 'worker.ts', name: 'tidemark/worker', limit: 6144, external: libraries },
  { entry: 'react.ts', name: 'tidemark/react', limit: 1024, external: libraries },
]

it.each(limits)(
  '$name loads at most $limit bytes, gzipped, without dexie, comlink and React',
  async ({ entry, name, limit, external }) => {
    const { bytes, later, sizes } = await staticGraph(entry, external)
    console.log(`${name}: ${bytes} of ${limit} bytes; by import() later: ${later}`)
    expect(bytes, JSON.stringify(sizes, null, 1)).toBeLessThanOrEqual(limit)
  },
)

// Vite 5 to 7 make a classic script of a worker unless told otherwise, and refuse to when it has more than one chunk.
it('the worker is one file: what is loaded by import() in a tab is part of it', async () => {
  const { sizes } = await staticGraph('worker.ts', libraries)
  expect(sizes.filter(({ isStatic }) => !isStatic).flatMap(({ modules }) => modules)).toEqual([])
})

const scripts = (output: Rolldown.RolldownOutput['output']) =>
  output
    .filter(({ fileName }) => fileName.endsWith('.js'))
    .map((file) => ({ name: file.fileName, bytes: gzip(file.type === 'chunk' ? file.code : file.source) }))
const sum = (files: readonly { bytes: number }[]) => files.reduce((total, { bytes }) => total + bytes, 0)

it.skipIf(!existsSync(join(root, 'src/index.ts')))(
  'a minimal app is at most 50 kB, code shared by page and worker counted once',
  async () => {
    const once = scripts(
      await bundle({
        build: {
          rolldownOptions: {
            input: { page: join(root, 'test/package/app/page.ts'), worker: join(root, 'test/package/app/worker.ts') },
            preserveEntrySignatures: 'strict',
          },
        },
      }),
    )
    // Vite bundles a worker by itself, so a default build carries shared code twice.
    const transferred = scripts(await bundle({ worker: { format: 'es' } }))
    console.log(`minimal app: ${sum(once)} of 50000 bytes; transferred by a default build: ${sum(transferred)}`)
    expect(sum(once), JSON.stringify(once, null, 1)).toBeLessThanOrEqual(50_000)
  },
)
