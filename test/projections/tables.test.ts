import 'fake-indexeddb/auto'
import Dexie from 'dexie'
import { defineEvents, defineModel, event, openEngine, projection, table } from 'tidemark'
import { tables } from 'tidemark/tables'
import { destroy, openTable, verify } from 'tidemark/tools'
import { afterEach, expect, test, vi } from 'vitest'
import { tablesPart } from '../../src/projections/tablesPart.ts'
import { freshName } from '../engine/todos.ts'
import type { AnyModel } from '../log/rooms.ts'
import { createHost, createPipeline } from './rooms.ts'

const events = defineEvents({ said: event<{ id: string }>() })
const app = () =>
  defineModel({
    name: 'disk',
    events,
    projections: {
      talks: projection(events, {
        into: table<{ id: string }>('id', { resident: false }),
        evolve: { said: (_, { data }) => ({ ...data }) },
      }),
      seen: projection(events, { into: table<{ id: string }>('id'), evolve: { said: (_, { data }) => ({ ...data }) } }),
    },
    commands: { say: (_, data: { id: string }) => events.said(data) },
  })
const plain = app() as unknown as AnyModel

const unhandled: unknown[] = []
process.on('unhandledRejection', (reason) => unhandled.push(reason))
afterEach(() => {
  vi.restoreAllMocks()
  vi.useRealTimers()
  expect(unhandled.splice(0)).toEqual([])
})

async function log(): Promise<string> {
  const name = freshName()
  const a = await openEngine(app(), { name })
  await a.dispatch.say({ id: 'x' })
  await a.close()
  return name
}

test('if the code of on-disk tables can not be loaded, that projection fails, the others go on, and loading is tried again', async () => {
  const name = await log()
  const load = vi.spyOn(tablesPart, 'load').mockRejectedValue(new TypeError('Failed to fetch'))
  const a = await openEngine(app(), { name })
  await a.dispatch.say({ id: 'y' })
  await a.projected()
  expect(a.status.projections).toMatchObject({
    talks: {
      state: 'failed',
      error: { name: 'ProjectionFailed', projection: 'talks', message: expect.stringContaining('Failed to fetch') },
    },
    seen: { state: 'ready', sequence: 2 },
  })
  expect(load.mock.calls.length).toBeLessThanOrEqual(2)
  load.mockRestore()
  await expect.poll(() => a.status.projections.talks, { timeout: 5000 }).toEqual({ state: 'ready', sequence: 2 })
  expect(await (await openTable(a, 'talks')).count()).toBe(2)
  await a.close()
})

test('a worker without the code of on-disk tables reports the line to write, and requests nothing', async () => {
  const name = await log()
  const warned = vi.spyOn(console, 'warn').mockImplementation(() => {})
  const pipeline = await createPipeline(plain, name)
  const failures = Object.values(await pipeline.flush()).filter((at) => typeof at === 'object')
  expect(failures).toMatchObject([{ name: 'ProjectionFailed', cause: { name: 'ModelError' } }])
  const line = "import { tables } from 'tidemark/tables' and hostProjections(model, { tables })"
  expect(JSON.stringify(failures)).toContain(line)
  expect(warned.mock.calls.flat().join()).toContain(line)
  await pipeline.close()
})

test('a worker with that code writes the log into its tables', async () => {
  const name = await log()
  const host = createHost(plain, 'epoch', { loadTables: async () => tables })
  const { value } = await host.flush(name)
  expect(Object.values(value ?? {})).toEqual([1, 1])
  await host.goodbye(name)
})

test('a tab with its pipeline in the page and a table on disk opens one BroadcastChannel, on which both hear each other and other tabs', async () => {
  const names: string[] = []
  const Before = BroadcastChannel
  vi.stubGlobal(
    'BroadcastChannel',
    class extends Before {
      constructor(name: string) {
        super(name)
        names.push(name)
      }
    },
  )
  const name = freshName()
  const a = await openEngine(app(), { name })
  await a.dispatch.say({ id: 'x' })
  await a.projected()
  expect(names).toEqual([`tidemark:${name}`])
  // No request is made: a message tells the pipeline, and the pipeline tells the tab.
  await a.dispatch.say({ id: 'y' })
  await expect.poll(() => a.status.projected).toBe(2)
  const b = await openEngine(app(), { name })
  await b.dispatch.say({ id: 'z' })
  await expect.poll(() => a.status).toMatchObject({ sequence: 3, projected: 3 })
  await Promise.all([a.close(), b.close()])
  vi.unstubAllGlobals()
})

const named = (projectionName: string) =>
  defineModel({
    name: 'named',
    events,
    projections: {
      [projectionName]: projection(events, {
        into: table<{ id: string }>('id', { resident: false }),
        evolve: { said: (_, { data }) => ({ ...data }) },
      }),
    },
    commands: { say: (_, data: { id: string }) => events.said(data) },
  })
const tableDatabasesOf = async (engine: string): Promise<string[]> =>
  (await indexedDB.databases()).flatMap(({ name = '' }) => (name.startsWith(`tidemark-table:${engine}`) ? name : []))

test('two logs never share the database of a table, whichever characters their names contain', async () => {
  const name = freshName()
  const one = await openEngine(named('b:talks'), { name })
  const other = await openEngine(named('talks'), { name: `${name}:b` })
  const idsOf = async (engine: typeof one, table: string): Promise<unknown[]> =>
    (await (await openTable(engine, table as never)).toArray()).map(({ id }: any) => id)
  await one.dispatch.say({ id: 'one' })
  await one.projected()
  await other.dispatch.say({ id: 'other' })
  await other.projected()
  await one.dispatch.say({ id: 'again' })
  await one.projected()
  expect(await idsOf(one, 'b:talks')).toEqual(['again', 'one'])
  expect(await idsOf(other, 'talks')).toEqual(['other'])
  await destroy(other)
  expect(await idsOf(one, 'b:talks')).toEqual(['again', 'one'])
  expect(await verify(one)).toEqual([])
  await one.close()
})

test('a table under the name that an earlier version gave it is still read, and is deleted with its log', async () => {
  const name = `${freshName()}:100%`
  const first = await openEngine(named('talks'), { name })
  await first.dispatch.say({ id: 'x' })
  await first.projected()
  await first.close()
  const [now = ''] = await tableDatabasesOf(name.split(':')[0]!)
  expect(now).toContain('%3A100%25:talks@')
  // The table as an earlier version would have created it, with a row that no event made.
  const made = await new Dexie(now, { indexedDB, IDBKeyRange }).open()
  const former = new Dexie(`tidemark-table:${name}:${now.slice(now.indexOf('talks@'))}`, { indexedDB, IDBKeyRange })
  former.version(1).stores({ rows: 'id', checkpoint: '' })
  await former.table('rows').bulkPut([...(await made.table('rows').toArray()), { id: 'kept' }])
  await former.table('checkpoint').put(await made.table('checkpoint').get(0), 0)
  former.close()
  await made.delete()

  const second = await openEngine(named('talks'), { name })
  await second.dispatch.say({ id: 'y' })
  await second.projected()
  const rows = await (await openTable(second, 'talks')).toArray()
  expect(rows.map(({ id }) => id)).toEqual(['kept', 'x', 'y'])
  expect(await tableDatabasesOf(name.split(':')[0]!)).toEqual([former.name])
  expect((await verify(second)).map(({ key }) => key)).toEqual(['kept'])
  await destroy(second)
  expect(await tableDatabasesOf(name.split(':')[0]!)).toEqual([])
})
