import 'fake-indexeddb/auto'
import { defineEvents, defineModel, event, openEngine, projection, table } from 'tidemark'
import { exportLog, importLog, verify } from 'tidemark/tools'
import { afterEach, expect, test } from 'vitest'
import { collect, freshName } from './todos.ts'

const events = defineEvents({ added: event<{ id: string; tags: string[] }>() })
const app = defineModel({
  name: 'tagged',
  events,
  projections: {
    rows: projection(events, {
      into: table<{ id: string; tags: string[] }>('id', { history: true }),
      evolve: { added: (_, { data }) => data },
    }),
  },
  commands: { add: (_, data: { id: string; tags: string[] }) => events.added(data) },
})

const prototypes = [Array.prototype, Object.prototype] as { toJSON?: unknown }[]
afterEach(() => {
  for (const prototype of prototypes) delete prototype.toJSON
})

test.each([
  ['arrays', Array.prototype],
  ['objects', Object.prototype],
])('a page that gave %s a toJSON (Prototype.js did) reads back what it wrote', async (_, prototype) => {
  Object.defineProperty(prototype, 'toJSON', { value: () => 'lost', configurable: true, writable: true })
  const name = freshName()
  const row = { id: 'a', tags: ['x', 'y'] }
  const engine = await openEngine(app, { name })
  const first = await engine.dispatch.add(row, { commandId: 'once', meta: { tab: [1] } })
  expect(await engine.dispatch.add({ tags: ['x', 'y'], id: 'a' }, { commandId: 'once' })).toMatchObject({
    duplicate: true,
    sequence: first.sequence,
  })
  await engine.projected()
  const file = await new Response(exportLog(engine)).blob()
  await engine.close()

  const again = await openEngine(app, { name })
  expect(again.read.rows.all()).toEqual([row])
  expect(await collect(again.history({ table: 'rows', key: 'a' }))).toMatchObject([{ data: row, meta: { tab: [1] } }])
  expect(await verify(again)).toEqual([])
  await again.close()

  const copy = await openEngine(app, { name: freshName() })
  await importLog(copy, file)
  expect(copy.read.rows.all()).toEqual([row])
  await copy.close()
})
