import { defineEvents, defineModel, event, openEngine, projection, table } from 'tidemark'
import { verify } from 'tidemark/tools'
import { expect, test, vi } from 'vitest'
import { dump, inDatabase } from '../../log/storage.ts'
import { atEnd, broken, traffic } from '../kit.ts'
import { freshName, outcome } from '../todos.ts'
import { written } from './files.ts'

test('verify finds nothing if the persisted rows equal the fold of the log', async () => {
  const one = await written()
  const done: number[] = []
  expect(await verify(one, { onProgress: (progress) => done.push(progress.done) })).toEqual([])
  expect(done.at(-1)).toBe(one.status.sequence)
})

test('verify names each row that was changed, is missing, should not exist or is at another place', async () => {
  const name = freshName()
  const one = await written(name)
  const [page] = (await dump(name, 'pages')).filter(({ key }) => key[0].startsWith('todos'))
  const { rows } = page!.value
  const [first, second, third, fourth] = rows
  rows[0] = { ...first, title: 'edited' }
  rows[1] = { ...second, id: 'other' }
  rows[2] = fourth
  rows[3] = third
  await inDatabase(name, (store) => store('pages').put(page!.value, page!.key))
  const found = await verify(one)
  expect(found).toHaveLength(5)
  expect(found).toEqual(
    expect.arrayContaining([
      { projection: 'todos', key: first.id, persisted: { ...first, title: 'edited' }, folded: first },
      { projection: 'todos', key: second.id, persisted: undefined, folded: second },
      { projection: 'todos', key: third.id, persisted: third, folded: third },
      { projection: 'todos', key: fourth.id, persisted: fourth, folded: fourth },
      { projection: 'todos', key: 'other', persisted: { ...second, id: 'other' }, folded: undefined },
    ]),
  )
  await one.rebuild()
  expect(await verify(one)).toEqual([])
})

test('verify compares up to the checkpoint, whatever was appended since, and ends with the reason of its signal', async () => {
  const one = await written()
  await one.dispatch.add({ title: 'since' })
  expect(await verify(one)).toEqual([])
  await expect(verify(one, { signal: AbortSignal.abort(new RangeError('enough')) })).rejects.toThrow('enough')
})

const events = defineEvents({ filed: event<{ id: string; folder: string }>() })
/** A worker that never answers, so that nothing is built during the test. */
class SilentWorker extends EventTarget {
  readonly port = new MessageChannel().port1
}

/** A table on disk, whose database is noted with the log. */
async function filed(name: string, version = 1, isSilent = false) {
  const documents = projection(events, {
    into: table<{ id: string; folder: string }>('id', { resident: false, indexes: ['folder'] }),
    version,
    evolve: { filed: (_, { data }) => data },
  })
  const model = defineModel({
    name,
    events,
    projections: { documents },
    commands: { file: (_, data: { id: string; folder: string }) => events.filed(data) },
  })
  const worker = () => new SilentWorker() as unknown as SharedWorker
  const engine = await openEngine(model, isSilent ? { worker } : {})
  atEnd(() => engine.close())
  if (!isSilent) for (const id of ['a', 'b', 'c']) await engine.dispatch.file({ id, folder: 'in' })
  if (!isSilent) await engine.projected()
  const noted = (await dump(name, 'meta')).find(({ key }) => key === 'tables')
  return { engine, tableName: `tidemark-table:${name}:${noted?.value[0]}` }
}
const databases = async () => (await indexedDB.databases()).map(({ name }) => name)

test('verify names the rows of an on-disk table that differ', async () => {
  const { engine, tableName } = await filed(freshName())
  expect(await verify(engine)).toEqual([])
  await new Promise<void>((resolve) => {
    const request = indexedDB.open(tableName)
    request.onsuccess = () => {
      const transaction = request.result.transaction('rows', 'readwrite')
      transaction.objectStore('rows').put({ id: 'b', folder: 'edited' })
      transaction.objectStore('rows').delete('c')
      transaction.oncomplete = () => {
        request.result.close()
        resolve()
      }
    }
  })
  expect(await verify(engine)).toEqual([
    { projection: 'documents', key: 'b', persisted: { id: 'b', folder: 'edited' }, folded: { id: 'b', folder: 'in' } },
    { projection: 'documents', key: 'c', persisted: undefined, folded: { id: 'c', folder: 'in' } },
  ])
})

test('verify only reads: a table that was not built yet is not made by it, and nothing is written', async () => {
  const name = freshName()
  const { engine: first } = await filed(name)
  await first.close()
  vi.stubGlobal('SharedWorker', SilentWorker)
  const { engine } = await filed(name, 2, true)
  const before = await databases()
  const watched = traffic()
  expect(await verify(engine)).toEqual([])
  expect(watched.transactions.filter(({ mode }) => mode === 'readwrite')).toEqual([])
  expect(await databases()).toEqual(before)
})

test('verify makes no database for a table that is noted but was deleted', async () => {
  const name = freshName()
  const { engine: first, tableName } = await filed(name)
  await first.close()
  await new Promise((resolve) => {
    indexedDB.deleteDatabase(tableName).onsuccess = resolve
  })
  vi.stubGlobal('SharedWorker', SilentWorker)
  const { engine } = await filed(name, 1, true)
  expect(await verify(engine)).toEqual([])
  expect(await databases()).not.toContain(tableName)
})

test('verify rejects with a typed error while the log can not be read, and with EngineClosed when its engine ends', async () => {
  const one = await written()
  const faults = broken()
  faults.onTransaction = (transaction, stores, mode) => {
    if (mode === 'readonly' && stores.includes('commits')) transaction.abort()
  }
  expect(await outcome(verify(one))).toMatchObject({ name: 'StorageError' })
  faults.stop()
  expect(await verify(one)).toEqual([])
  const verified = outcome(verify(one))
  await one.close()
  expect(await verified).toMatchObject({ name: 'EngineClosed' })
})

test('rows of everything that structured clone takes have no difference, cycles and Blobs included', async () => {
  interface Thing {
    id: string
    [property: string]: unknown
  }
  const things = defineEvents({ made: event<{ id: string }>() })
  const make = (id: string): Thing => {
    const thing: Thing = {
      id,
      pattern: /a+/g,
      blob: new Blob([id], { type: 'text/plain' }),
      map: new Map([[{ key: 1 }, new Set([id])]]),
      bytes: new Uint8Array([1, 2]),
      at: new Date(5),
      error: new RangeError(id),
      big: 1n,
    }
    thing.self = thing
    return thing
  }
  const model = defineModel({
    name: 'things',
    events: things,
    projections: {
      things: projection(things, { into: table<Thing>('id'), evolve: { made: (_, { data }) => make(data.id) } }),
    },
    commands: { make: (_, id: string) => things.made({ id }) },
  })
  const engine = await openEngine(model, { name: freshName() })
  await engine.dispatch.make('a')
  await engine.projected()
  expect(await verify(engine)).toEqual([])
  await engine.close()
})
