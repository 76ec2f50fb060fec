// Bundles the simulation with the library's sources, whose sizes are scaled down: `import(await bundle(…))`.
import { fileURLToPath } from 'node:url'
import { build } from 'rolldown'
import { parseAst } from 'rolldown/parseAst'

const path = (/** @type {string} */ relative) => fileURLToPath(new URL(relative, import.meta.url))
const sizes = [
  'PAGE_ROWS',
  'PAST_EVENTS',
  'TAIL_COMMITS',
  'BATCH_EVENTS',
  'LOOKED_UP_AT_ONCE',
  'FLUSH_CHANGES',
  'UNSEALED',
  'SEGMENT_EVENTS',
  'GROUP_CHARACTERS',
  'LARGEST_HINT',
  'CHUNK_EVENTS',
  'TAIL_EVENTS',
  'ROUND_EVENTS',
  'PACK_COMMITS',
  'REFOLDED_AT_ONCE',
  'SLICE_STEPS',
  'HELD_COMMITS',
]

/**
 * @param {string} source folder of the library's sources
 * @param {string} output file
 */
export async function bundle(source = path('../../src'), output = path('../../build/simulation/simulation.mjs')) {
  /** @type {Set<string>} */
  const scaled = new Set()
  await build({
    input: path('main.ts'),
    platform: 'node',
    tsconfig: false,
    logLevel: 'warn',
    checks: { sourcemapBroken: false },
    resolve: {
      alias: {
        'tidemark/reactions': `${source}/reactions.ts`,
        'tidemark/drafts': `${source}/drafts.ts`,
        'tidemark/worker': `${source}/worker.ts`,
        'tidemark/sync': `${source}/sync.ts`,
        'tidemark/testing': `${source}/testing.ts`,
        'tidemark/tables': `${source}/tables.ts`,
        'tidemark/tools': `${source}/tools.ts`,
        ...Object.fromEntries(
          [
            'projections/holder',
            'projections/reachHolder',
            'engine/workerEngine',
            'log/channel',
            'projections/serve',
          ].map((file) => [`tidemark/${file}`, `${source}/${file}.ts`]),
        ),
        'tidemark/load': `${source}/load.ts`,
        'tidemark/async': `${source}/async.ts`,
        tidemark: `${source}/index.ts`,
        'fake-indexeddb/internal/Database': path('../../node_modules/fake-indexeddb/build/esm/lib/Database.js'),
        'fake-indexeddb/internal/FakeEvent': path('../../node_modules/fake-indexeddb/build/esm/lib/FakeEvent.js'),
        dexie: path('../../node_modules/dexie/dist/modern/dexie.mjs'),
        comlink: path('../../node_modules/comlink/dist/esm/comlink.mjs'),
      },
    },
    transform: { define: { __DEV__: 'true' } },
    plugins: [
      {
        // Every `import()` goes through the world, and every tab has its own parts and listeners.
        name: 'loads',
        resolveId(id, importer) {
          const [, own] = /\/(load|persistence)(?:\.ts)?$/.exec(id) ?? []
          if (own && importer?.startsWith(source)) return path(`${own}.ts`)
        },
        transform(code, id) {
          if (!id.startsWith(source) || !code.includes('import(')) return
          let made = code
          for (const [start, end, file] of importsOf(parseAst(code, { lang: 'ts' })).reverse()) {
            const fetched = `globalThis.fetchSimulatedCode(${JSON.stringify(file)}, () => ${code.slice(start, end)})`
            made = made.slice(0, start) + fetched + made.slice(end)
          }
          return made
        },
      },
      {
        name: 'sizes',
        transform(code, id) {
          if (!id.startsWith(source)) return
          return code.replace(new RegExp(`const (${sizes.join('|')}) = ([\\d_]+)`, 'g'), (_, name, value) => {
            scaled.add(name)
            return `const ${name} = globalThis.simulatedSizes?.${name} ?? ${value}`
          })
        },
      },
    ],
    output: { file: output, format: 'esm', codeSplitting: false },
  })
  const missing = sizes.filter((name) => !scaled.has(name))
  if (missing.length) throw new Error(`The simulation scales sizes that the library no longer has: ${missing}`)
  return output
}

/** The start, the end and the file of each `import()`. @type {(node: any) => [start: number, end: number, file: string][]} */
function importsOf(node) {
  if (!node || typeof node !== 'object') return []
  if (node.type === 'ImportExpression') return [[node.start, node.end, node.source.value]]
  return Object.values(node).flatMap(importsOf)
}
