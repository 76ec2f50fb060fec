import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { rolldown } from 'rolldown'
import { expect, test } from 'vitest'

const src = fileURLToPath(new URL('../../src', import.meta.url))

/** Bytes, gzip, that a binding adds to an app: all its exports, without the framework and the code that the engine has anyway. */
const LIMIT = 1000
/** Bytes, gzip, that following drafts adds to an app that uses it. */
const DRAFT_LIMIT = 150

const sizeOf = async (binding: string, names: readonly string[] = []): Promise<readonly [number, string[]]> => {
  const bundle = await rolldown({
    input: 'app',
    external: (id, from) => from !== undefined && from !== '\0app' && !/select\.ts$|bindings\//.test(id),
    transform: { define: { __DEV__: 'false' }, target: 'es2022' },
    plugins: [
      {
        name: 'app',
        resolveId: (id) => (id === 'app' ? '\0app' : undefined),
        load: (id) =>
          id === '\0app'
            ? `export ${names.length ? `{ ${names} }` : '*'} from ${JSON.stringify(join(src, `${binding}.ts`))}`
            : undefined,
      },
    ],
  })
  const { output } = await bundle.generate({ format: 'es', minify: true })
  await bundle.close()
  return [gzipSync(output[0].code, { level: 9 }).length, output[0].exports]
}

test.each(['react', 'vue', 'svelte', 'solid', 'preact', 'lit', 'angular'])('tidemark/%s is small', async (binding) => {
  const [all, names] = await sizeOf(binding)
  const plain = names.filter((name) => !/draft/i.test(name))
  expect(names.length).toBe(plain.length + 1)
  const [bytes] = await sizeOf(binding, plain)
  console.log(`tidemark/${binding}: ${bytes} bytes, ${all - bytes} more with drafts`)
  expect(bytes).toBeGreaterThan(300)
  expect(bytes).toBeLessThanOrEqual(LIMIT)
  expect(all - bytes).toBeLessThanOrEqual(DRAFT_LIMIT)
})
