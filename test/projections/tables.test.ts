import 'fake-indexeddb/auto'
import { defineEvents, defineModel, event, openEngine, projection, table } from 'tidemark'
import { tables } from 'tidemark/tables'
import { openTable } from 'tidemark/tools'
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

test('the code of on-disk tables can not be loaded: the projection says so, the others go on, and it is asked for again', async () => {
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

test('a worker that was not given the code of on-disk tables names the line to write, and asks for nothing', async () => {
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

test('a worker that was given it follows the log into its tables', async () => {
  const name = await log()
  const host = createHost(plain, 'epoch', { loadTables: async () => tables })
  const { value } = await host.flush(name)
  expect(Object.values(value ?? {})).toEqual([1, 1])
  await host.goodbye(name)
})

test('one tab with its pipeline in the page and a table on disk opens one BroadcastChannel, and both hear each other and others', async () => {
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
  // Nobody asks: the pipeline hears of it, and the tab of the pipeline.
  await a.dispatch.say({ id: 'y' })
  await expect.poll(() => a.status.projected).toBe(2)
  const b = await openEngine(app(), { name })
  await b.dispatch.say({ id: 'z' })
  await expect.poll(() => a.status).toMatchObject({ sequence: 3, projected: 3 })
  await Promise.all([a.close(), b.close()])
  vi.unstubAllGlobals()
})
