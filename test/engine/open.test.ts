import { defineEvents, defineModel, event, openEngine, projection, value } from 'tidemark'
import { expect, test, vi } from 'vitest'
import { deleteDatabase, dump, inDatabase } from '../log/storage.ts'
import { wire } from './channel.ts'
import { atEnd, quiet, tab, traffic } from './kit.ts'
import { collect, freshName, later, openTab, outcome, shown, todoApp } from './todos.ts'

test('handles of the same model, name and storage share one engine, and each closes for itself', async () => {
  const name = freshName()
  const model = todoApp()
  const [a, b] = await Promise.all([openEngine(model, { name }), openEngine(model, { name })])
  expect(a).not.toBe(b)
  const sent = a.dispatch.add({ title: 'x' })
  expect(b.read.todos.size).toBe(1)
  await sent
  await a.close()
  expect(a.status.state).toBe('closed')
  expect(b.status.state).toBe('ready')
  expect(await b.dispatch.add({ title: 'y' })).toMatchObject({ sequence: 2 })
  await b.close()
  const c = await openEngine(model, { name })
  expect(c.read.todos.size).toBe(2)
  await c.close()
})

test('a closed handle answers nothing any more, though another one keeps the engine', async () => {
  const name = freshName()
  const model = todoApp()
  const [a, b] = await Promise.all([openEngine(model, { name }), openEngine(model, { name })])
  await b.dispatch.add({ title: 'x' })
  await a.close()
  const closed = { name: 'EngineClosed', reason: 'closed' }
  await expect(a.dispatch.add({ title: 'y' })).rejects.toMatchObject(closed)
  await expect(collect(a.history())).rejects.toMatchObject(closed)
  await expect(a.projected()).rejects.toMatchObject(closed)
  await expect(a.rebuild()).rejects.toMatchObject(closed)
  await expect(a.events()[Symbol.asyncIterator]().next()).rejects.toMatchObject(closed)
  expect(await collect(b.history())).toHaveLength(1)
  await b.close()
})

test('hazard 19: opening and closing in every interleaving leaves nothing open and nothing waiting', async () => {
  const name = freshName()
  const model = todoApp()
  const first = openEngine(model, { name })
  const second = openEngine(model, { name }).then((engine) => engine.close())
  const third = first.then((engine) => engine.close().then(() => engine.close()))
  await Promise.all([second, third])
  const again = await openEngine(model, { name })
  await again.dispatch.add({ title: 'x' })
  const closing = again.close()
  const other = await openEngine(model, { name })
  await closing
  expect(other.read.todos.size).toBe(1)
  expect(await other.dispatch.add({ title: 'y' })).toMatchObject({ sequence: 2 })
  await other.close()
})

test('several names are several logs of one model', async () => {
  const model = todoApp()
  const [one, two] = [freshName(), freshName()]
  const a = await openEngine(model, { name: one })
  const b = await openEngine(model, { name: two })
  await a.dispatch.add({ title: 'a' })
  await later(20)
  expect(b.read.todos.size).toBe(0)
  expect(await b.dispatch.add({ title: 'b' })).toMatchObject({ sequence: 1 })
  expect(await dump(one, 'commits')).toHaveLength(1)
  await Promise.all([a.close(), b.close()])
})

test("without a name the log is the model's", async () => {
  const name = freshName()
  const a = await openEngine(todoApp({ name }))
  await a.dispatch.add({ title: 'x' })
  expect(await dump(name, 'commits')).toHaveLength(1)
  await a.close()
})

test('close settles everything: what is in a transaction with its answer, the rest with EngineClosed', async () => {
  const name = freshName()
  const a = await openTab(name)
  const inFlight = a.dispatch.add({ title: 'in flight' })
  await later(0)
  const rest = [outcome(a.dispatch.add({ title: 'late' })), outcome(a.dispatch.toggle({ id: 'none' }))]
  const projected = outcome(a.projected(100))
  const closing = a.close()
  expect(a.close()).toBe(closing)
  const first = await outcome(inFlight)
  for (const one of await Promise.all(rest)) expect(one).toBeInstanceOf(Error)
  expect(await projected).toMatchObject({ name: 'EngineClosed', reason: 'closed' })
  await closing
  expect(a.status).toMatchObject({ state: 'closed', pending: 0 })
  const stored = await dump(name, 'commits')
  expect(stored).toHaveLength(first instanceof Error ? 0 : 1)
  expect(a.read.todos.size).toBe(stored.length)
})

test('bad input: after close every method says EngineClosed, and read and status keep their last values', async () => {
  const a = await openTab(freshName())
  await a.dispatch.add({ title: 'x' })
  const was = shown(a)
  await a.close()
  const closed = { name: 'EngineClosed', reason: 'closed' }
  await expect(a.dispatch.add({ title: 'y' })).rejects.toMatchObject(closed)
  await expect(a.projected()).rejects.toMatchObject(closed)
  await expect(a.rebuild()).rejects.toMatchObject(closed)
  await expect(collect(a.history())).rejects.toMatchObject(closed)
  expect(shown(a)).toEqual(was)
  expect(a.status).toMatchObject({ state: 'closed', sequence: 1 })
  expect(a.read).toBe(a.read)
  expect(a.status).toBe(a.status)
})

test('close tells subscribers once, and then nobody', async () => {
  const name = freshName()
  const [a, b] = [await openTab(name), await tab(name)]
  const states: string[] = []
  a.subscribe(() => states.push(a.status.state))
  await a.close()
  await b.dispatch.add({ title: 'x' })
  await later(20)
  expect(states.filter((state) => state === 'closed')).toHaveLength(1)
  expect(states.at(-1)).toBe('closed')
})

test('a closed engine leaves no request, no timer and no connection behind', async () => {
  const name = freshName()
  const a = await openTab(name)
  await a.dispatch.add({ title: 'x' })
  await a.close()
  await quiet()
  const watched = traffic()
  await later(400)
  expect(watched.requests).toEqual([])
  let blocked = false
  await new Promise((resolve, reject) => {
    const request = indexedDB.deleteDatabase(`tidemark:${name}`)
    request.onblocked = () => (blocked = true)
    request.onsuccess = resolve
    request.onerror = reject
  })
  expect(blocked).toBe(false)
})

test('the engine is an async disposable where the platform knows them', async () => {
  const a = await openTab(freshName())
  if (Symbol.asyncDispose) await a[Symbol.asyncDispose]()
  else await a.close()
  expect(a.status.state).toBe('closed')
})

test('an aborted signal ends opening with its reason, for that caller only', async () => {
  const name = freshName()
  const model = todoApp()
  const reason = new Error('enough')
  await expect(openEngine(model, { name, signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  const abort = new AbortController()
  const aborted = outcome(openEngine(model, { name, signal: abort.signal }))
  abort.abort(reason)
  expect(await aborted).toBe(reason)
  const engine = await openEngine(model, { name })
  expect(await engine.dispatch.add({ title: 'x' })).toMatchObject({ sequence: 1 })
  await engine.close()
})

test('one caller that gives up opening does not take the engine from another', async () => {
  const name = freshName()
  const model = todoApp()
  const abort = new AbortController()
  const first = outcome(openEngine(model, { name, signal: abort.signal }))
  const second = openEngine(model, { name })
  abort.abort(new Error('enough'))
  await first
  const engine = await second
  expect(await engine.dispatch.add({ title: 'x' })).toMatchObject({ sequence: 1 })
  await engine.close()
})

test('bad input: where IndexedDB is missing openEngine rejects with StorageError unavailable, memory works and says so', async () => {
  const { indexedDB } = globalThis
  vi.stubGlobal('indexedDB', undefined)
  vi.stubGlobal('window', globalThis)
  try {
    await expect(openTab(freshName())).rejects.toMatchObject({ name: 'StorageError', kind: 'unavailable' })
    const memory = await openTab(freshName(), {}, { storage: 'memory' })
    expect(await memory.dispatch.add({ title: 'x' })).toMatchObject({ sequence: 1 })
    expect(memory.status).toMatchObject({ storage: 'memory', worker: 'none', state: 'ready' })
    await memory.close()
  } finally {
    vi.stubGlobal('indexedDB', indexedDB)
    vi.unstubAllGlobals()
  }
})

test('on a server the engine opens empty, says so, and refuses commands; an engine in memory works there', async () => {
  vi.stubGlobal('indexedDB', undefined)
  const engine = await openTab(freshName())
  expect(engine.read.todos.all()).toEqual([])
  const refused = { name: 'StorageError', kind: 'unavailable', message: expect.stringContaining('This is a server') }
  expect(engine.status).toMatchObject({ state: 'ready', storage: 'memory', worker: 'none', lastError: refused })
  await expect(engine.dispatch.add({ title: 'x' })).rejects.toMatchObject(refused)
  expect(engine.read.todos.size).toBe(0)
  await engine.projected()
  expect(await collect(engine.history())).toEqual([])
  await engine.close()
  const memory = await openTab(freshName(), {}, { storage: 'memory' })
  expect(await memory.dispatch.add({ title: 'x' })).toMatchObject({ sequence: 1 })
  await memory.close()
})

test('an engine that ended is never handed out again: the next open gives one that works', async () => {
  const name = freshName()
  const model = todoApp()
  const engine = await openEngine(model, { name })
  await engine.dispatch.add({ title: 'x' })
  await deleteDatabase(name)
  await expect(engine.dispatch.add({ title: 'y' })).rejects.toMatchObject({ name: 'EngineClosed' })
  expect(engine.status).toMatchObject({ state: 'closed', lastError: { reason: 'log replaced' } })
  const again = await openEngine(model, { name })
  expect(again.status).toMatchObject({ state: 'ready', sequence: 0 })
  expect(await again.dispatch.add({ title: 'z' })).toMatchObject({ sequence: 1 })
  await again.close()
  await engine.close()
})

test('a second open of a running engine is at the head of its log, though every message about it was lost', async () => {
  const name = freshName()
  const model = todoApp()
  const first = await openEngine(model, { name })
  const other = await tab(name)
  await quiet()
  wire().fate = () => 0
  for (let i = 0; i < 5; i++) await other.dispatch.add({ title: 'x' })
  const second = await openEngine(model, { name })
  expect(second.status.sequence).toBe(5)
  await Promise.all([first.close(), second.close()])
})

test('one signal for many opens: none leaves a listener on it', async () => {
  const { signal } = new AbortController()
  let listeners = 0
  const { addEventListener, removeEventListener } = signal
  signal.addEventListener = (...given: Parameters<typeof addEventListener>) => {
    listeners++
    addEventListener.apply(signal, given)
  }
  signal.removeEventListener = (...given: Parameters<typeof removeEventListener>) => {
    listeners--
    removeEventListener.apply(signal, given)
  }
  for (let i = 0; i < 3; i++) await (await openTab(freshName(), {}, { signal })).close()
  expect(listeners).toBe(0)
})

test('options that are undefined count as absent', async () => {
  const absent = { name: undefined, storage: undefined, mirror: undefined, signal: undefined, onProgress: undefined }
  const engine = await openEngine(todoApp({ name: freshName() }), { ...absent, worker: undefined, meta: { by: 'me' } })
  const { events } = await engine.dispatch.add({ title: 'x' }, { meta: undefined, signal: undefined })
  expect(events[0]).toMatchObject({ meta: { by: 'me' } })
  await engine.rebuild({ projections: undefined, signal: undefined, onProgress: undefined })
  expect(await collect(engine.history({ after: undefined, limit: undefined, table: undefined }))).toHaveLength(1)
  await engine.close()
})

test('rebuilds that are asked for at once fold the log once for the pages and once for a projection that had failed', async () => {
  const events = defineEvents({ counted: event() })
  let isWrong = true
  let folded = 0
  const model = defineModel({
    name: freshName(),
    events,
    projections: {
      count: projection(events, {
        into: value(0),
        evolve: {
          counted(count) {
            folded++
            if (isWrong && count === 1) throw new Error('a mistake')
            return count + 1
          },
        },
      }),
      // A failed projection alone would keep its events from being folded on.
      all: projection(events, { into: value(0), evolve: { counted: (count) => count + 1 } }),
    },
    commands: { count: () => events.counted() },
  })
  isWrong = false
  const writer = await openEngine(model)
  for (let i = 0; i < 4; i++) await writer.dispatch.count()
  await writer.projected()
  await writer.close()
  await inDatabase(model.name, (store) => {
    store('pages').clear()
    store('checkpoints').clear()
  })
  isWrong = true
  const engine = await openEngine(model)
  expect(engine.status.projections.count.state).toBe('failed')
  await engine.projected()
  isWrong = false
  folded = 0
  const gaveUp = new AbortController()
  const all = [
    engine.rebuild(),
    engine.rebuild({ projections: ['all', 'count'] }),
    outcome(engine.rebuild({ signal: gaveUp.signal })),
  ]
  gaveUp.abort(new Error('enough'))
  expect((await Promise.all(all))[2]).toMatchObject({ message: 'enough' })
  expect(folded).toBe(8)
  expect(engine.read.count.value).toBe(4)
  const stopped = new AbortController()
  const alone = outcome(engine.rebuild({ signal: stopped.signal }))
  stopped.abort(new Error('stop'))
  expect(await alone).toMatchObject({ message: 'stop' })
  await engine.rebuild()
  await engine.close()
})

test('bad input: an IndexedDB that refuses to open is StorageError unavailable, too, and opening again may work', async () => {
  const name = freshName()
  const model = todoApp()
  const { open } = indexedDB
  indexedDB.open = () => {
    throw new DOMException('denied', 'SecurityError')
  }
  try {
    await expect(openEngine(model, { name })).rejects.toMatchObject({ name: 'StorageError', kind: 'unavailable' })
  } finally {
    indexedDB.open = open
  }
  const engine = await openEngine(model, { name })
  await engine.close()
})

test('memory keeps nothing, is another engine than the stored one, and obeys the same contract', async () => {
  const name = freshName()
  const model = todoApp()
  const stored = await openEngine(model, { name })
  const memory = await openEngine(model, { name, storage: 'memory' })
  const both = await Promise.all([
    memory.dispatch.add({ id: 'x', title: 'x' }, { commandId: 'id' }),
    memory.dispatch.add({ id: 'x', title: 'x' }, { commandId: 'id' }),
  ])
  expect(both.map(({ duplicate }) => duplicate)).toEqual([false, true])
  expect(await memory.dispatch.add({ id: 'x', title: 'x' }, { commandId: 'id' })).toMatchObject({ duplicate: true })
  await expect(memory.dispatch.add({ title: 'y' }, { commandId: 'id' })).rejects.toMatchObject({
    name: 'CommandIdConflict',
  })
  await expect(memory.dispatch.toggle({ id: 'none' })).rejects.toMatchObject({ code: 'todo-not-found' })
  expect((await collect(memory.history())).map(({ type }) => type)).toEqual(['todoAdded'])
  await memory.projected()
  await memory.rebuild()
  expect(memory.status).toMatchObject({ sequence: 1, projected: 1, storage: 'memory' })
  expect(stored.read.todos.size).toBe(0)
  expect(await dump(name, 'commits')).toEqual([])
  await Promise.all([stored.close(), memory.close()])
  const again = await openEngine(model, { name, storage: 'memory' })
  expect(again.read.todos.size).toBe(0)
  await again.close()
})

test('listen first: what another tab commits while this one boots is there when it is open, or soon after', async () => {
  const name = freshName()
  const a = await tab(name)
  const opening = openTab(name)
  for (let i = 0; i < 10; i++) await a.dispatch.add({ title: `t${i}` })
  const b = await opening
  atEnd(() => b.close())
  await expect.poll(() => b.status.sequence).toBe(10)
  expect(shown(b)).toEqual(shown(a))
})

test('losing every message while it boots, a tab is still at the head of its read', async () => {
  const name = freshName()
  wire().fate = () => 0
  const a = await tab(name)
  for (let i = 0; i < 5; i++) await a.dispatch.add({ title: 'x' })
  const b = await tab(name)
  expect(b.status.sequence).toBe(5)
})

test('the pipeline runs in the page where there is no worker, and status says so', async () => {
  const a = await tab(freshName())
  await expect.poll(() => a.status.worker).toBe('in-page')
  const b = await tab(
    freshName(),
    {},
    {
      worker: () => {
        throw new Error('no worker for you')
      },
    },
  )
  await expect.poll(() => b.status.worker).toBe('in-page')
  await b.dispatch.add({ title: 'x' })
  await b.projected()
  expect(b.status.projected).toBe(1)
})

test('openEngine resolves when no projection is building', async () => {
  const name = freshName()
  const a = await tab(name)
  for (let i = 0; i < 30; i++) await a.dispatch.add({ title: 'x' })
  const b = await tab(name, { version: 3 })
  for (const { state } of Object.values(b.status.projections)) expect(state).toBe('ready')
})

test('an open that a deletion holds up says so, and goes on when nothing is in the way any more', async () => {
  const name = freshName()
  await (await openTab(name)).close()
  const held = await new Promise<IDBDatabase>((resolve) => {
    const request = indexedDB.open(`tidemark:${name}`)
    request.onsuccess = () => resolve(request.result)
  })
  const deletion = deleteDatabase(name)
  const phases: string[] = []
  const warned = vi.spyOn(console, 'warn').mockImplementation(() => {})
  const opening = openTab(name, {}, { onProgress: ({ phase }) => void phases.push(phase) })
  await vi.waitFor(() => expect(phases).toContain('blocked'), 20_000)
  expect(warned).toHaveBeenCalledWith(expect.stringContaining(name))
  held.close()
  await deletion
  const engine = await opening
  expect(await engine.dispatch.add({ title: 'x' })).toMatchObject({ sequence: 1 })
  await engine.close()
  warned.mockRestore()
})

test('an open whose log can not be read rejects with what the storage said: it never shows a part of the log', async () => {
  const name = freshName()
  const before = await openTab(name)
  for (let i = 0; i < 300; i++) await before.dispatch.add({ title: 'x' })
  await before.close()
  const { getAll } = IDBObjectStore.prototype
  let reads = 0
  // The first read comes with the snapshot; the tail after it is another.
  IDBObjectStore.prototype.getAll = function (this: IDBObjectStore, ...given) {
    if (this.name === 'commits' && ++reads > 1)
      throw new DOMException('The file could not be read.', 'NotReadableError')
    return getAll.apply(this, given)
  }
  try {
    await expect(openTab(name, { version: 9 })).rejects.toMatchObject({ name: 'StorageError' })
  } finally {
    IDBObjectStore.prototype.getAll = getAll
  }
  const after = await openTab(name, { version: 9 })
  expect(after.read.todos.size).toBe(300)
  await after.close()
})
