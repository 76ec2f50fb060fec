import { afterEach, describe, expect, test, vi } from 'vitest'
import { openDatabase, seal } from '../log/rooms.ts'
import { abortWith, isAppend } from '../log/storage.ts'
import { wire } from './channel.ts'
import { broken, ranges, type Tab, tab } from './kit.ts'
import { freshName, outcome } from './todos.ts'

// Cases A3 and A4: the log can't be read for a while, and a page is left alone.

const SECOND = 1000
afterEach(() => {
  vi.useRealTimers()
})

/** Timers and clocks of the test; IndexedDB answers in its own time. */
const clock = (): void => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] })
}
/** Lets time pass in small steps, and IndexedDB answer in each. */
async function pass(milliseconds: number): Promise<void> {
  for (let left = milliseconds; left > 0; left -= 20) {
    await vi.advanceTimersByTimeAsync(20)
    for (let i = 0; i < 8; i++) await new Promise((resolve) => setImmediate(resolve))
  }
}

/** Reads of the log fail until `end()`; writes too if `writes` says so. */
function unreadable(writes = false): { readonly asked: () => number; end(): void } {
  const fault = broken()
  let asked = 0
  fault.onTransaction = (transaction, stores, mode) => {
    if (!stores.includes('commits') || (isAppend(stores, mode) && !writes)) return
    asked++
    abortWith(transaction, 'UnknownError')
  }
  return { asked: () => asked, end: () => (fault.onTransaction = undefined) }
}

/** Two tabs of one log, at rest. */
async function two(): Promise<{ readonly name: string; readonly writer: Tab; readonly follower: Tab }> {
  const name = freshName()
  const [writer, follower] = [await tab(name), await tab(name)]
  await writer.dispatch.add({ title: 'before' })
  await expect.poll(() => follower.status.sequence).toBe(1)
  await Promise.all([writer.projected(), follower.projected()])
  // What the mirror says comes after that, and is no news of the log.
  await expect.poll(() => follower.status.mirror.reason).toBeDefined()
  return { name, writer, follower }
}

describe('a tab that hears of events it can not read', () => {
  test('asks seldom, says so once, and follows again by itself within 35 seconds after the fault', async () => {
    const net = wire()
    const { name, writer, follower } = await two()
    let told = 0
    // The hint that carries the commit is lost, so the log has to be read.
    net.fate = (message) => ('commit' in message ? 0 : 1)
    await writer.dispatch.add({ title: 'after' })
    clock()
    const fault = unreadable()
    follower.subscribe(() => told++)
    net.say(name, { log: idOf(net), head: 2 })
    await pass(3 * SECOND)
    expect(fault.asked()).toBeGreaterThan(0)
    expect(fault.asked()).toBeLessThanOrEqual(12)
    expect(follower.status).toMatchObject({ state: 'ready', sequence: 1, behind: { error: { name: 'StorageError' } } })
    expect(follower.status.lastError).toBe(follower.status.behind!.error)
    const before = fault.asked()
    await pass(60 * SECOND)
    expect(fault.asked() - before).toBeLessThanOrEqual(30)
    expect(told).toBeLessThanOrEqual(2)
    fault.end()
    await pass(35 * SECOND)
    expect(follower.status).toMatchObject({ state: 'ready', sequence: 2 })
    expect(follower.status.behind).toBeUndefined()
    expect(follower.read.todos.all().map(({ title }) => title)).toEqual(['before', 'after'])
    expect(told).toBeLessThanOrEqual(4)
  })

  test('tells its subscribers of the rows and that it follows again at once, however many parts are read', async () => {
    const net = wire()
    const { name, writer, follower } = await two()
    net.fate = () => 0
    // Two batches, and the second one is the end.
    for (let i = 0; i < 70; i++) await writer.dispatch.add({ title: `t${i}` })
    clock()
    const fault = unreadable()
    net.fate = () => 1
    net.say(name, { log: idOf(net), head: 71 })
    await pass(SECOND)
    const told: unknown[] = []
    follower.subscribe(() => {
      const { sequence, behind } = follower.status
      told.push([sequence, follower.read.todos.size, behind !== undefined])
    })
    fault.end()
    await expect.poll(() => pass(SECOND).then(() => follower.status.behind)).toBeUndefined()
    expect(told.slice(0, 2)).toEqual([
      [65, 65, true],
      [71, 71, false],
    ])
  })

  test.each(['focus', 'online'])('follows again within a second of "%s"', async (type) => {
    const events = new EventTarget()
    vi.stubGlobal('addEventListener', events.addEventListener.bind(events))
    vi.stubGlobal('removeEventListener', events.removeEventListener.bind(events))
    const net = wire()
    const { name, writer, follower } = await two()
    net.fate = (message) => ('commit' in message ? 0 : 1)
    await writer.dispatch.add({ title: 'after' })
    clock()
    const fault = unreadable()
    net.say(name, { log: idOf(net), head: 2 })
    await pass(40 * SECOND)
    fault.end()
    expect(follower.status.sequence).toBe(1)
    events.dispatchEvent(new Event(type))
    await pass(SECOND)
    expect(follower.status.sequence).toBe(2)
  })
})

describe('a command while the log can not be read', () => {
  test('is shown, waits, and goes through when the fault ends', async () => {
    const net = wire()
    const { name, writer, follower } = await two()
    net.fate = () => 0
    await writer.dispatch.add({ title: 'unseen' })
    clock()
    const fault = unreadable()
    // It loses the race, and can't read what it lost to.
    const sent = follower.dispatch.add({ title: 'mine' })
    await pass(2 * SECOND)
    expect(follower.read.todos.size).toBe(2)
    expect(follower.status).toMatchObject({ pending: 1, behind: {} })
    fault.end()
    await pass(3 * SECOND)
    expect(await sent).toMatchObject({ sequence: 3, duplicate: false })
    expect(follower.status.behind).toBeUndefined()
    expect(await ranges(name)).toEqual([[1, 3]])
  })

  test('is answered within some six seconds, and the tab still knows that it is behind', async () => {
    const net = wire()
    const { writer, follower } = await two()
    net.fate = () => 0
    await writer.dispatch.add({ title: 'unseen' })
    clock()
    const fault = unreadable()
    const sent = outcome(follower.dispatch.add({ title: 'mine' }))
    const refused = outcome(follower.dispatch.toggle({ id: 'none' }))
    await pass(7 * SECOND)
    expect(await sent).toMatchObject({ name: 'StorageError', kind: 'aborted' })
    expect(await refused).toMatchObject({ name: 'StorageError', kind: 'aborted' })
    expect(follower.read.todos.size).toBe(1)
    expect(follower.status).toMatchObject({ pending: 0, behind: {} })
    fault.end()
    await pass(35 * SECOND)
    expect(follower.status.sequence).toBe(2)
    expect(follower.read.todos.size).toBe(2)
  })

  test('many of them ask no more often than one', async () => {
    const net = wire()
    const { writer, follower } = await two()
    net.fate = () => 0
    await writer.dispatch.add({ title: 'unseen' })
    clock()
    const fault = unreadable()
    const sent: Promise<unknown>[] = []
    for (let i = 0; i < 30; i++) {
      sent.push(outcome(follower.dispatch.add({ title: `${i}` })))
      await pass(100)
    }
    expect(fault.asked()).toBeLessThanOrEqual(12)
    fault.end()
    await pass(5 * SECOND)
    await Promise.all(sent)
    expect(follower.status.behind).toBeUndefined()
  })

  test('whose outcome stays open is told so, also when the page closes the engine', async () => {
    const a = await tab(freshName())
    await a.dispatch.add({ title: 'before' })
    clock()
    unreadable(true)
    const sent = outcome(a.dispatch.add({ title: 'open' }))
    await pass(100)
    const closed = a.close()
    await pass(7 * SECOND)
    expect(await sent).toMatchObject({ name: 'StorageError', kind: 'unknown' })
    await closed
  })
})

const idOf = (net: ReturnType<typeof wire>): string => net.sent.find(({ log }) => log).log

describe('opening a log that can not be read', () => {
  test.each([
    ['its tail', 'commits'],
    ['a sealed segment', 'bodies'],
  ])('%s: it rejects, and opens whole when it can be read', async (_, store) => {
    const name = freshName()
    const before = await tab(name)
    for (let i = 0; i < 20; i++) await before.dispatch.add({ title: `t${i}` })
    await before.close()
    const database = await openDatabase(name, false)
    if (store === 'bodies') expect(await seal(database, 20, 20)).toBe(true)
    await database.transact(['pages', 'checkpoints'], 'readwrite', (stores) => {
      stores('pages').clear()
      stores('checkpoints').clear()
    })
    database.close()
    const fault = broken()
    fault.onTransaction = (transaction, stores) => {
      if (stores.includes(store)) abortWith(transaction, 'NotReadableError')
    }
    await expect(tab(name)).rejects.toMatchObject({ name: 'StorageError' })
    fault.onTransaction = undefined
    const after = await tab(name)
    expect(after.status).toMatchObject({ state: 'ready', sequence: 20 })
    expect(after.read.todos.size).toBe(20)
  })
})
