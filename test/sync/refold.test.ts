import { defineEvents, defineModel, event, openEngine, projection, StorageError, table } from 'tidemark'
import { defineRemote } from 'tidemark/sync'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { coreOf } from '../../src/engine/openEngine.ts'
import { atEnd, type Tab, tab } from '../engine/kit.ts'
import { freshName, later, outcome, shown } from '../engine/todos.ts'
import { devices, LOG, putSingle } from './devices.ts'

/** The local commands of the device: more than a tab refolds in one task. */
const LOCAL = 1500
/** The most events that a tab folds between two pauses. A read of the log is a pause, too, which this test does not see. */
const SLICE = 400
const soon = { timeout: 20_000 }

/** Called at each pause of anything in this page. The pause lasts at least as long as the promise that it returns. */
let atPause = (): Promise<void> | undefined => undefined

beforeEach(() => {
  const { MessageChannel } = globalThis
  vi.stubGlobal(
    'MessageChannel',
    class extends MessageChannel {
      constructor() {
        super()
        const over = atPause()
        if (!over) return
        const { port2 } = this
        const post = port2.postMessage.bind(port2)
        port2.postMessage = (message: unknown) => void over.then(() => post(message))
      }
    },
  )
})
afterEach(() => {
  atPause = () => undefined
})

const sizeOf = ({ read, status }: Pick<Tab, 'read' | 'status'>) => [read.todos.size, status.sequence]

/**
 * A device that is offline with many commands, and a second tab of it, which only reads. Once the device is online it
 * reads, but its commands wait.
 */
async function behind() {
  const { device, server } = devices()
  const name = freshName()
  const { network } = device(name)
  network.set({ offline: true })
  let send = (): void => {}
  const maySend = new Promise<void>((resolve) => {
    send = resolve
  })
  const remote = defineRemote(() => {
    const { append, ...rest } = network(LOG)
    return { ...rest, append: (...given) => maySend.then(() => append(...given)) }
  })
  const options = { remote, mirror: false }
  const writer = await tab(name, {}, options)
  let folded = 0
  // The same page may have the pipeline, which folds too.
  const isForTab = () => /engine.(shared|tab)/.test(new Error().stack ?? '')
  const reader = await tab(name, { folding: () => void (folded += Number(isForTab())) }, options)
  const dispatched = Array.from({ length: LOCAL }, (_, i) => writer.dispatch.add({ id: `p${i}`, title: `p${i % 7}` }))
  await Promise.all(dispatched)
  await expect.poll(() => reader.status.sync, soon).toMatchObject({ pending: LOCAL })
  expect(sizeOf(reader)).toEqual([LOCAL, 0])
  const takeFolded = () => folded + (folded = 0)
  return {
    ...{ server, reader, send, name, options },
    /** The events that the reader has folded since the last call. */
    takeFolded,
    /** Stops the reader's next refold after its first slice. Resolves there, with the function that lets it go on. */
    stopped(): Promise<() => void> {
      takeFolded()
      return new Promise((reach) => {
        atPause = () => {
          if (!takeFolded()) return undefined
          atPause = () => undefined
          return new Promise<void>((goOn) => reach(goOn))
        }
      })
    },
    /** Lets another device's command arrive. */
    async arrive(from = 1, to = 1): Promise<void> {
      await putSingle(server, from, to)
      network.set({ offline: false })
    },
  }
}

test('rule 13: a tab keeps its rows until it has refolded many local commands, in slices', async () => {
  const { reader, takeFolded, arrive } = await behind()
  const { read } = reader
  const todos = read.todos.all()
  const told: unknown[] = []
  reader.subscribe(() => void told.push(sizeOf(reader)))
  const slices: number[] = []
  const seen: unknown[] = []
  const see = () => [
    shown(reader),
    reader.read.todos.by('title', 'p0'),
    [reader.read.todos.get('1'), reader.read.todos.has('1'), reader.read.todos.get('p1'), reader.read.todos.has('p1')],
    // Also what an app has kept from before.
    [read.titles.get('p0'), read.todos.size],
    sizeOf(reader),
  ]
  const before = see()
  takeFolded()
  atPause = () => {
    slices.push(takeFolded())
    // After the last slice, the rows are new.
    if (slices.at(-1) && reader.status.sequence === 0) seen.push(see())
    return undefined
  }
  await arrive()
  await expect.poll(() => reader.read.todos.size, soon).toBe(LOCAL + 1)
  expect(seen.length).toBeGreaterThanOrEqual(LOCAL / SLICE - 1)
  for (const one of seen) expect(one).toEqual(before)
  expect(Math.max(...slices)).toBeLessThanOrEqual(SLICE)
  // A subscriber learns of the new rows once they are complete.
  expect(new Set(told.map((one) => (one as number[])[0]))).toEqual(new Set([LOCAL, LOCAL + 1]))
  expect(reader.read.todos.all().map(({ id }) => id)).toEqual(['1', ...todos.map(({ id }) => id)])
  expect(reader.read.todos.by('title', 'p0')).toEqual(todos.filter(({ title }) => title === 'p0'))
  expect(reader.read.count.value).toBe(LOCAL + 1)
})

test('a command that is dispatched while a tab refolds is decided on the new rows', async () => {
  const { reader, send, takeFolded, arrive } = await behind()
  takeFolded()
  let sent: Promise<unknown> | undefined
  const sizes: unknown[] = []
  atPause = () => {
    if (sent || !takeFolded()) return undefined
    sizes.push(sizeOf(reader))
    sent = reader.dispatch.number()
    sizes.push(sizeOf(reader))
    return undefined
  }
  await arrive()
  await expect.poll(() => sent !== undefined, soon).toBe(true)
  // It is shown at once, on top of everything that the tab has read.
  expect(sizes).toEqual([
    [LOCAL, 0],
    [LOCAL + 2, 1],
  ])
  send()
  expect(await sent).toMatchObject({ events: [{ data: { title: String(LOCAL + 1) } }] })
  await expect.poll(() => reader.status, soon).toMatchObject({ sequence: LOCAL + 2, sync: { pending: 0 } })
  expect(reader.read.todos.size).toBe(LOCAL + 2)
})

test('a tab that is closed while it refolds ends with complete rows', async () => {
  const { reader, takeFolded, arrive } = await behind()
  takeFolded()
  let closed: Promise<void> | undefined
  atPause = () => {
    if (!closed && takeFolded()) closed = reader.close()
    return undefined
  }
  await arrive()
  await expect.poll(() => closed !== undefined, soon).toBe(true)
  await closed
  expect(reader.status.state).toBe('closed')
  expect([LOCAL, LOCAL + 1]).toContain(reader.read.todos.size)
})

test('what arrives while a tab refolds is read afterwards', async () => {
  const { reader, server, send, takeFolded, arrive } = await behind()
  takeFolded()
  let more: Promise<void> | undefined
  atPause = () => {
    if (!more && takeFolded()) more = putSingle(server, 2, 3, 'r1').then(send)
    return undefined
  }
  await arrive()
  await expect.poll(() => reader.read.todos.size, soon).toBe(LOCAL + 3)
  await expect.poll(() => reader.status, soon).toMatchObject({ sequence: LOCAL + 3, sync: { pending: 0 } })
  expect(reader.read.todos.size).toBe(LOCAL + 3)
})

test('a tab with many local commands reads a long log in slices, and shows rows again and again', async () => {
  const { reader, takeFolded, arrive } = await behind()
  takeFolded()
  const slices: number[] = []
  const sizes = new Set<number>()
  atPause = () => {
    const folded = takeFolded()
    slices.push(folded)
    if (folded) sizes.add(reader.read.todos.size - reader.status.sequence)
    return undefined
  }
  await arrive(1, 2000)
  await expect.poll(() => reader.read.todos.size, soon).toBe(LOCAL + 2000)
  expect(Math.max(...slices)).toBeLessThanOrEqual(SLICE)
  expect([...sizes]).toEqual([LOCAL])
})

test('a handle that is opened while a tab refolds has all rows of the log', async () => {
  const { reader, name, options, stopped, arrive } = await behind()
  const stop = stopped()
  await arrive()
  const goOn = await stop
  const opening = openEngine(reader.model, { name, ...options })
  await later(100)
  expect(sizeOf(reader)).toEqual([LOCAL, 0])
  goOn()
  const opened = await opening
  expect(sizeOf(opened)).toEqual([LOCAL + 1, 1])
  await opened.close()
})

test('an app reads an event once the rows show it, also while a tab refolds', async () => {
  const { reader, stopped, arrive } = await behind()
  const stop = stopped()
  const seen: unknown[] = []
  const reading = (async () => {
    for await (const { sequence } of reader.events()) {
      seen.push([sequence, reader.read.todos.has('1')])
      return
    }
  })()
  await arrive()
  const goOn = await stop
  // The status changes meanwhile.
  const core = coreOf.get(reader)!
  core.sync = { state: 'online', rejected: 0, behind: 1 }
  core.changed(false)
  await later(100)
  expect(seen).toEqual([])
  goOn()
  await reading
  expect(seen).toEqual([[1, true]])
})

test('a tab with many local commands reads again after one failed read, and does not report it', async () => {
  const { reader, arrive } = await behind()
  const core = coreOf.get(reader)!
  const { log } = core
  let failures = 0
  core.log = {
    ...log,
    async *readAfter(...given) {
      for await (const records of log.readAfter(...given)) {
        yield records
        if (!failures++) throw new StorageError('aborted', 'by the test')
      }
    },
  }
  await arrive(1, 200)
  await expect.poll(() => reader.read.todos.size, soon).toBe(LOCAL + 200)
  expect(failures).toBeGreaterThan(0)
  expect(reader.status.lastError).toBeUndefined()
})

test.each([5, LOCAL])(
  'an engine whose upcast fails on one of %i local commands is failed, tells so and can be closed',
  async (count) => {
    const { device, server } = devices()
    const name = freshName()
    const { network } = device(name)
    network.set({ offline: true })
    const options = {
      remote: defineRemote(() => ({ ...network(LOG), append: () => new Promise<never>(() => {}) })),
      mirror: false,
    }
    const writer = await tab(name, {}, options)
    await Promise.all(Array.from({ length: count }, (_, i) => writer.dispatch.add({ id: `p${i}`, title: String(i) })))
    let isBroken = false
    const events = defineEvents({
      todoAdded: event<{ id: string; title: string }>().upcast((data) => {
        if (isBroken && data.title === '3') throw new RangeError('no 3')
        return { ...data, list: 'inbox' }
      }),
    })
    const todos = projection(events, {
      into: table<{ id: string; title: string; list: string }>('id'),
      evolve: { todoAdded: (_, { data }) => data },
    })
    const commands = { add: (_: unknown, id: string) => events.todoAdded({ id, title: 'new', list: 'new' }) }
    const newer = defineModel({ name: 'todos', events, projections: { todos }, commands })
    const reader = await openEngine(newer, { name, ...options })
    atEnd(() => reader.close())
    expect(reader.read.todos.size).toBe(count)
    const told: unknown[] = []
    reader.subscribe(() => void told.push(reader.status.state))
    isBroken = true
    await putSingle(server, 1, 1)
    network.set({ offline: false })
    await expect.poll(() => told, soon).toContain('failed')
    expect(reader.status.lastError).toMatchObject({ name: 'ModelError', cause: { message: 'no 3' } })
    // The commands before the failed one are shown, on top of the log.
    expect(reader.read.todos.all().map(({ id }) => id)).toEqual(['1', 'p0', 'p1', 'p2'])
    expect(await outcome(reader.dispatch.add('q'))).toBe(reader.status.lastError)
    await reader.close()
  },
)
