import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { describe, expect, test } from 'vitest'
import { copyJson } from '../../src/model/json.ts'

// The frameworks, as a browser runs them. Their names are no literals, which keeps the compiler from reading their types.
const framework = (name: string): Promise<any> => import(name)

/** Solid's builds for Node have no proxies, so this imports the builds for browsers. */
async function solid(): Promise<any> {
  const require = createRequire(import.meta.url)
  const store = require.resolve('solid-js/store/dist/store.cjs')
  const core = require.resolve('solid-js/dist/solid.cjs')
  const load = (file: string, requireIn: (name: string) => unknown): any => {
    const module = { exports: {} }
    new Function('exports', 'module', 'require', readFileSync(file, 'utf8'))(module.exports, module, requireIn)
    return module.exports
  }
  const solid = load(core, require)
  return load(store, (name) => (name === 'solid-js' ? solid : require(name)))
}

const plain = {
  id: 'a',
  title: 'Milk',
  done: false,
  tags: ['x', { deep: [1, null] }],
  nested: { n: 1, none: undefined },
}
const make = (): typeof plain => structuredClone(plain)
const copied = { id: 'a', title: 'Milk', done: false, tags: ['x', { deep: [1, null] }], nested: { n: 1 } }

const proxies: readonly (readonly [name: string, make: () => Promise<unknown>])[] = [
  ['reactive of Vue', async () => (await framework('vue')).reactive(make())],
  ['readonly of Vue', async () => (await framework('vue')).readonly((await framework('vue')).reactive(make()))],
  ['ref of Vue', async () => (await framework('vue')).ref(make()).value],
  ['shallowReactive of Vue', async () => (await framework('vue')).shallowReactive(make())],
  ['$state of Svelte', async () => (await framework('svelte/internal/client')).proxy(make())],
  ['createStore of Solid', async () => (await solid()).createStore(make())[0]],
  ['createMutable of Solid', async () => (await solid()).createMutable(make())],
  [
    'unwrap of a store of Solid',
    async () => {
      const { createStore, unwrap } = await solid()
      const [store] = createStore(make())
      return [store.tags[1].deep, unwrap(store)][1]
    },
  ],
  ['observable of MobX', async () => (await framework('mobx')).observable(make())],
  ['a draft of Immer', async () => (await framework('immer')).createDraft(make())],
  [
    'what Immer produced',
    async () =>
      (await framework('immer')).produce(make(), (draft: typeof plain) => void draft.tags.reverse().reverse()),
  ],
  ['proxy of Valtio', async () => (await framework('valtio')).proxy(make())],
  ['snapshot of Valtio', async () => (await framework('valtio')).snapshot((await framework('valtio')).proxy(make()))],
]

describe('hazard 14: the proxies of a framework are copied as plain data', () => {
  test.each(proxies)('%s', async (_, make) => {
    const proxy: any = await make()
    expect(copyJson(proxy)).toStrictEqual(copied)
    expect(copyJson({ input: [proxy, proxy.tags] })).toStrictEqual({ input: [copied, copied.tags] })
  })

  test('each is a real proxy: its keys include symbols, or structured clone refuses it', async () => {
    const refused = []
    for (const [name, make] of proxies) {
      try {
        structuredClone(await make())
      } catch {
        refused.push(name)
      }
    }
    expect(refused).toEqual(
      expect.arrayContaining([
        'reactive of Vue',
        '$state of Svelte',
        'createStore of Solid',
        'createMutable of Solid',
        'observable of MobX',
        'a draft of Immer',
        'proxy of Valtio',
      ]),
    )
    const { createStore, unwrap } = await solid()
    const [store] = createStore(make())
    void store.title
    expect(Object.getOwnPropertySymbols(unwrap(store)).length).toBeGreaterThan(0)
  })
})
