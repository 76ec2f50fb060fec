import 'fake-indexeddb/auto'
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { defineEvents, defineModel, event, openEngine, projection, table, value } from 'tidemark'
import { archive, exportLog, importLog, verify } from 'tidemark/tools'
import { expect, test, vi } from 'vitest'
import { openDatabase, seal } from '../log/rooms.ts'
import { collect, freshName } from './todos.ts'
import { createLocks } from './tools/locks.ts'

// Databases as the first release wrote them: they open for ever. Never written again; another release adds its own.
// FIXTURES=write npx vitest run --project unit test/engine/fixtures.test.ts

const fixtures = ['first', 'archived'] as const
const path = (name: string): string => fileURLToPath(new URL(`../fixtures/${name}.json`, import.meta.url))

interface Note {
  id: string
  text: string
  list: string
}

/** The model of that time. What a later release knows of its events, it has to read. */
const notes = () => {
  const events = defineEvents({
    noted: event<{ id: string; text: string }>().upcast((data) => ({ ...data, list: 'inbox' })),
    moved: event<{ id: string; list: string }>(),
    erased: event<{ id: string }>(),
    listErased: event<{ list: string }>(),
    counted: event<number>().was('added'),
  })
  return defineModel({
    name: 'fixture',
    events,
    projections: {
      notes: projection(events, {
        into: table<Note>('id', { history: true }),
        by: { listErased: ({ data }) => ({ list: data.list }) },
        evolve: {
          noted: (_, { data }) => data,
          moved: (note, { data }) => note && { ...note, list: data.list },
          erased: () => null,
          listErased: () => null,
        },
      }),
      sum: projection(events, {
        into: value({ sum: 0 }),
        evolve: { counted: ({ sum }, { data }) => ({ sum: sum + data }) },
      }),
    },
    commands: {
      note: (_, data: Note) => events.noted(data),
      move: (_, data: { id: string; list: string }) => events.moved(data),
      erase: ({ notes }, data: { id: string }) => (notes.has(data.id) ? events.erased(data) : undefined),
      eraseList: (_, data: { list: string }) => events.listErased(data),
      count: (_, numbers: number[]) => numbers.map((number) => events.counted(number)),
    },
  })
}
const open = (name: string) => openEngine(notes(), { name, meta: { device: 'fixture' } })
type Opened = Awaited<ReturnType<typeof open>>

const shown = async (engine: Opened) => ({
  sequence: engine.status.sequence,
  notes: engine.read.notes.all(),
  sum: engine.read.sum.value,
  events: await collect(engine.history()),
  row: await collect(engine.history({ table: 'notes', key: 'n14' })),
})

// ---- as text

const pack = (value: any): any => {
  if (ArrayBuffer.isView(value))
    return {
      $: value.constructor.name,
      of: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64'),
    }
  if (Array.isArray(value)) return value.map(pack)
  if (value && typeof value === 'object')
    return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, pack(part)]))
  return value
}
const unpack = (value: any): any => {
  if (Array.isArray(value)) return value.map(unpack)
  if (!value || typeof value !== 'object') return value
  if (value.$) {
    const bytes = Uint8Array.from(Buffer.from(value.of, 'base64'))
    return new ({ Uint8Array, Uint16Array, Uint32Array } as Record<string, any>)[value.$](bytes.buffer)
  }
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, unpack(part)]))
}
const settled = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })

interface Fixture {
  readonly version: number
  readonly stores: Record<string, [key: any, value: any][]>
  readonly shown: Awaited<ReturnType<typeof shown>>
}

async function dumpAll(name: string): Promise<Pick<Fixture, 'version' | 'stores'>> {
  const database = await settled(indexedDB.open(`tidemark:${name}`))
  const stores: Fixture['stores'] = {}
  for (const store of database.objectStoreNames) {
    const from = database.transaction(store).objectStore(store)
    const [keys, values] = await Promise.all([settled(from.getAllKeys()), settled(from.getAll())])
    stores[store] = keys.map((key, i) => [pack(key), pack(values[i])])
  }
  const { version } = database
  database.close()
  return { version, stores }
}

/** The database as it was, under a name of its own. */
async function restore({ version, stores }: Fixture): Promise<string> {
  const name = freshName()
  const request = indexedDB.open(`tidemark:${name}`, version)
  request.onupgradeneeded = () => {
    for (const store of Object.keys(stores)) request.result.createObjectStore(store)
  }
  const database = await settled(request)
  const transaction = database.transaction(Object.keys(stores), 'readwrite')
  for (const [store, records] of Object.entries(stores))
    for (const [key, value] of records) transaction.objectStore(store).put(unpack(value), unpack(key))
  await new Promise((resolve) => (transaction.oncomplete = resolve))
  database.close()
  return name
}

const read = (name: string): Fixture => JSON.parse(readFileSync(path(name), 'utf8'))

test.runIf(process.env.FIXTURES === 'write')('writes the fixtures', async () => {
  vi.stubGlobal('navigator', { locks: createLocks() })
  vi.useFakeTimers({ toFake: ['Date'], now: Date.UTC(2026, 10, 25) })
  let seed = 7
  vi.spyOn(crypto, 'getRandomValues').mockImplementation((array: any) => {
    for (let i = 0; i < array.length; i++) {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
      array[i] = seed
    }
    return array
  })
  const name = freshName()
  const one = await open(name)
  for (let i = 0; i < 60; i++) {
    vi.setSystemTime(Date.UTC(2026, 10, 25, 0, i))
    if (i % 9 === 8) await one.dispatch.move({ id: `n${i - 3}`, list: 'later' }, { commandId: `move ${i}` })
    else if (i % 13 === 12) await one.dispatch.count([i, i + 1, i + 2])
    else await one.dispatch.note({ id: `n${i}`, text: `Notiz ${i} 🌊\u2028"`, list: i % 2 ? 'odd' : 'even' })
  }
  await one.dispatch.move({ id: 'n14', list: 'later' })
  await one.dispatch.eraseList({ list: 'odd' })
  await one.projected()
  await one.rebuild()
  const database = await openDatabase(name, false)
  for (const limit of [20, 41]) await seal(database, limit, undefined, true)
  database.close()
  await one.dispatch.note({ id: 'tail', text: 'behind the pages', list: 'odd' })
  const write = async (fixture: string) =>
    writeFileSync(path(fixture), `${JSON.stringify({ ...(await dumpAll(name)), shown: await shown(one) })}\n`)
  await write('first')
  await new Response(await archive(one, { before: 42 })).arrayBuffer()
  await one.dispatch.note({ id: 'after', text: 'after the archive', list: 'odd' })
  await write('archived')
  await one.close()
  vi.useRealTimers()
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
})

test.each(fixtures)('a database of the first release opens for ever: %s', async (fixture) => {
  const was = read(fixture)
  const one = await open(await restore(was))
  expect(await shown(one)).toEqual(was.shown)
  expect(one.status).toMatchObject({
    state: 'ready',
    projections: { notes: { state: 'ready' }, sum: { state: 'ready' } },
  })
  expect(await verify(one)).toEqual([])
  expect(await one.dispatch.move({ id: 'n5', list: 'later' }, { commandId: 'move 8' })).toMatchObject({
    duplicate: true,
  })
  const { sequence } = await one.dispatch.count([1])
  expect(sequence).toBe(was.shown.sequence + 1)
  await one.projected()
  await one.rebuild()
  expect(one.read.notes.all()).toEqual(was.shown.notes)
  await one.close()
})

test.each(fixtures)('and so it does without its pages: %s', async (fixture) => {
  const was = read(fixture)
  const name = await restore({ ...was, stores: { ...was.stores, pages: [], checkpoints: [], rowEvents: [] } })
  const one = await open(name)
  expect(await shown(one)).toEqual(was.shown)
  await one.close()
})

test.each(fixtures)('and its export is a log again: %s', async (fixture) => {
  const was = read(fixture)
  const one = await open(await restore(was))
  const file = await new Response(exportLog(one)).blob()
  const other = await open(freshName())
  await importLog(other, file)
  expect(await shown(other)).toEqual(was.shown)
  await one.close()
  await other.close()
})
