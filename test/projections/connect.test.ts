import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterEach, expect, test, vi } from 'vitest'
import { defineEvents, defineModel, openEngine } from '../../src/index.ts'
import { hostProjections } from '../../src/worker.ts'
import { tab } from '../engine/kit.ts'
import { freshName, todoApp } from '../engine/todos.ts'
import { type AnyModel, openDatabase } from '../log/rooms.ts'
import { deleteDatabase } from '../log/storage.ts'
import { connectHost } from './rooms.ts'

const model = todoApp() as unknown as AnyModel
afterEach(() => {
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})

/** The name of a log that no engine has open. */
async function log(): Promise<string> {
  const name = freshName()
  const a = await tab(name)
  await a.dispatch.add({ title: 'x' })
  await a.close()
  return name
}

const inPage = (name: string) => connectHost(model, name, { mirror: false, changed() {} })

test('a request just before the connection closes rejects and starts no pipeline', async () => {
  const name = await log()
  const connection = inPage(name)
  await connection.flush()
  const opened = vi.spyOn(indexedDB, 'open')
  const asked = connection.flush()
  connection.close()
  await expect(asked).rejects.toMatchObject({ name: 'EngineClosed' })
  await expect(connection.flush()).rejects.toMatchObject({ name: 'EngineClosed' })
  await new Promise((resolve) => setTimeout(resolve, 20))
  expect(opened).not.toHaveBeenCalled()
})

test('a connection that closes while it finds another log starts no pipeline', async () => {
  const name = await log()
  const connection = inPage(name)
  await connection.flush()
  await deleteDatabase(name)
  ;(await openDatabase(name)).close()
  const open = indexedDB.open.bind(indexedDB)
  // While it checks which log is stored.
  const opened = vi.spyOn(indexedDB, 'open').mockImplementation((...given) => {
    connection.close()
    return open(...given)
  })
  const asked = connection.flush()
  await expect(asked).rejects.toMatchObject({ name: 'EngineClosed' })
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(opened).toHaveBeenCalledTimes(1)
})

test('a connection that closes while it gets the lock of a pipeline in the page releases that lock', async () => {
  const name = await log()
  let held: Promise<unknown> | undefined
  const request = (_name: string, _options: LockOptions, task: () => Promise<unknown>): Promise<unknown> => {
    held = task()
    connection.close()
    return held
  }
  vi.stubGlobal('navigator', { locks: { request } })
  const connection = inPage(name)
  await vi.waitFor(() => expect(held).toBeDefined())
  const ended = held?.then(
    () => true,
    () => true,
  )
  expect(await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 200))])).toBe(true)
})

test('a connection that was closed before it gets the lock of a pipeline in the page starts none', async () => {
  const name = await log()
  let follow: (() => Promise<unknown>) | undefined
  const request = (_name: string, _options: LockOptions, task: () => Promise<unknown>): Promise<unknown> => {
    follow = task
    return new Promise(() => {})
  }
  vi.stubGlobal('navigator', { locks: { request } })
  const connection = inPage(name)
  await vi.waitFor(() => expect(follow).toBeDefined())
  connection.close()
  const opened = vi.spyOn(indexedDB, 'open')
  await follow?.()
  expect(opened).not.toHaveBeenCalled()
})

test('a connection does not keep an answer that was delivered', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const connection = inPage(await log())
  const answer = new WeakRef(await connection.flush())
  // The target of a new WeakRef lives until the end of this turn.
  await new Promise((resolve) => setTimeout(resolve, 20))
  collect()
  expect(answer.deref()).toBeUndefined()
  connection.close()
})

test('a worker that hosts another model is reported with what to do, and the pipeline runs in the page', async () => {
  const name = await log()
  const { port1, port2 } = new MessageChannel()
  const scope = globalThis as { onconnect?: (event: object) => void }
  hostProjections(defineModel({ name: 'invoices', events: defineEvents({}), projections: {}, commands: {} }))
  scope.onconnect?.({ ports: [port2] })
  delete scope.onconnect
  vi.stubGlobal('SharedWorker', class {})
  const told = new Promise<readonly [string, unknown]>((resolve) => {
    const connection = connectHost(model, name, {
      spawn: () => ({ port: port1 }) as unknown as SharedWorker,
      mirror: false,
      changed(...given) {
        resolve(given as never)
        connection.close()
      },
    })
  })
  const [worker, error] = await told
  expect(worker).toBe('in-page')
  expect(error).toMatchObject({ message: 'The worker script hosts "invoices", not "todos": each model needs its own.' })
  port2.close()
})

test('a worker that can not start is reported once on the console: what failed, what it costs, where to read more', async () => {
  const name = await log()
  const warned = vi.spyOn(console, 'warn').mockImplementation(() => {})
  vi.stubGlobal('SharedWorker', class {})
  const quotes = defineModel({ name: 'quotes', events: defineEvents({}), projections: {}, commands: {} })
  for (let i = 0; i < 2; i++) {
    await new Promise<void>((resolve) => {
      const connection = connectHost(quotes as unknown as AnyModel, name, {
        spawn() {
          throw new TypeError('Invalid URL')
        },
        mirror: false,
        changed() {
          resolve()
          connection.close()
        },
      })
    })
  }
  expect(warned).toHaveBeenCalledTimes(1)
  const [[text]] = warned.mock.calls as [[string]]
  for (const part of ['the worker of "quotes"', 'Invalid URL', 'in the page instead', 'guide'])
    expect(text).toContain(part)
})

test('a worker whose port answers only with errors is started a few times; then the pipeline runs in the page', async () => {
  const name = await log()
  vi.spyOn(console, 'warn').mockImplementation(() => {})
  vi.stubGlobal('SharedWorker', class {})
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  let started = 0
  let isOver = false
  const worker = await new Promise<string>((resolve) => {
    const connection = connectHost(model, name, {
      spawn() {
        started++
        const { port1, port2 } = new MessageChannel()
        // The answer of Comlink if a script exposes something else.
        port2.onmessage = ({ data }) => {
          port2.postMessage({
            id: data.id,
            type: 'HANDLER',
            name: 'throw',
            value: { isError: false, value: 'no hello' },
          })
          port2.close()
        }
        return { port: port1 } as unknown as SharedWorker
      },
      mirror: false,
      changed(kind) {
        isOver = true
        resolve(kind)
        connection.close()
      },
    })
    void (async () => {
      // The bound makes an endless loop fail here instead of hanging.
      for (let turn = 0; turn < 40 && started < 20 && !isOver; turn++) {
        await vi.advanceTimersByTimeAsync(4000)
        await new Promise((turned) => setImmediate(turned))
      }
      resolve(`nowhere after ${started} starts`)
    })()
  })
  vi.useRealTimers()
  expect(worker).toBe('in-page')
  expect(started).toBe(6)
})

test('a worker starts after the first commands, or after a moment if there are none', async () => {
  const name = await log()
  let done = 0
  const started: number[] = []
  vi.stubGlobal('SharedWorker', class {})
  vi.spyOn(console, 'warn').mockImplementation(() => {})
  const worker = (): SharedWorker => {
    started.push(done)
    throw new Error('no worker here')
  }
  const quiet = await openEngine(todoApp(), { name, worker })
  await vi.waitFor(() => expect(started).toEqual([0]))
  await quiet.close()
  started.length = 0

  const engine = await openEngine(todoApp(), { name, worker })
  for (let i = 0; i < 30; i++) {
    await engine.dispatch.add({ title: 'first' })
    done++
  }
  await vi.waitFor(() => expect(started).toEqual([30]))
  await engine.close()
})

test('a worker leaves the page a moment for its first command, unless it is asked something', async () => {
  const name = await log()
  let started = 0
  vi.stubGlobal('SharedWorker', class {})
  vi.spyOn(console, 'warn').mockImplementation(() => {})
  const worker = (): SharedWorker => {
    started++
    throw new Error('no worker here')
  }
  /** Lets so many milliseconds pass, and IndexedDB answer. */
  const pass = async (ms: number): Promise<void> => {
    await vi.advanceTimersByTimeAsync(ms)
    for (let turn = 0; turn < 20; turn++) await new Promise((turned) => setImmediate(turned))
  }
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  try {
    const late = await openEngine(todoApp(), { name, worker })
    await pass(90)
    expect(started).toBe(0)
    await pass(30)
    expect(started).toBe(1)
    await late.close()

    started = 0
    const asked = await openEngine(todoApp(), { name, worker })
    await asked.dispatch.add({ title: 'asked' })
    await pass(1)
    expect(started).toBe(0)
    asked.projected().catch(() => {})
    await pass(0)
    expect(started).toBe(1)
    await asked.close()
  } finally {
    vi.useRealTimers()
  }
})
