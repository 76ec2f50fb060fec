import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { rolldown } from 'rolldown'
import { expect, it } from 'vitest'
import { root } from './run.ts'

/** Limits for the minified and gzipped bytes of the panel, and of its rarer pages and tools, which load on demand. */
const LIMITS = { opening: 24_000, tools: 14_500 }

/** Bundles an app. Returns the bytes and modules of each file. */
async function build(
  app: string,
): Promise<Map<string, { readonly bytes: number; readonly modules: readonly string[] }>> {
  const folder = join(root, 'build/sizeOfPanel')
  mkdirSync(folder, { recursive: true })
  const input = join(folder, 'app.ts')
  writeFileSync(input, app)
  const bundle = await rolldown({
    input,
    cwd: root,
    resolve: { conditionNames: ['module', 'browser', 'production', 'import', 'default'] },
    transform: { define: { __DEV__: 'false' } },
  })
  const { output } = await bundle.generate({ format: 'es', minify: true, chunkFileNames: '[name].js' })
  await bundle.close()
  return new Map(
    output.flatMap((file) =>
      file.type === 'chunk'
        ? [[file.fileName, { bytes: gzipSync(file.code, { level: 9 }).length, modules: Object.keys(file.modules) }]]
        : [],
    ),
  )
}

const app = `import { openEngine } from ${JSON.stringify(join(root, 'src/index.ts'))}
globalThis.engine = openEngine\n`
const asks = `globalThis.open = () => import(${JSON.stringify(join(root, 'src/devtools.ts'))})\n`

it('the devtools transfer at most 24 kB when they open, including their own lit', async () => {
  const files = await build(app + asks)
  const size = (name: string) => files.get(`${name}.js`)?.bytes ?? Number.NaN
  const opening = size('devtools') + size('element')
  console.log(
    `devtools: ${opening} bytes when they are opened, ${size('onDemand')} with the time machine, reactions, drafts, sync, tabs, checks, storage and health`,
  )
  expect(opening).toBeLessThanOrEqual(LIMITS.opening)
  expect(size('onDemand')).toBeLessThanOrEqual(LIMITS.tools)
  expect(files.get('element.js')?.modules.some((module) => module.includes('/lit-html/'))).toBe(true)
})

it('an app that does not import the devtools contains no code of them', async () => {
  const modules = [...(await build(app)).values()].flatMap(({ modules }) => modules)
  expect(modules.filter((module) => /\/(devtools|lit|lit-html|@lit)[/.]/.test(module))).toEqual([])
})
