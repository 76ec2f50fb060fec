import { defineEvents, defineModel, event, openEngine } from 'tidemark'
import { expect, test } from 'vitest'
import { storedReactions, waitOf } from '../../src/devtools/storedReactions.ts'
import { waitingCommands } from '../../src/devtools/waitingCommands.ts'
import { coreOf } from '../../src/engine/openEngine.ts'
import { deadLetters, readReactions } from '../../src/engine/tools/deadLetters.ts'
import { freshName } from '../engine/todos.ts'
import { inDatabase } from '../log/storage.ts'
import { chatTab, runner } from '../reactions/kit.ts'
import { devices } from '../sync/devices.ts'

test('open events are listed by reaction, with the reason why each waits', async () => {
  const name = freshName()
  const engine = await chatTab(name)
  const core = coreOf.get(engine)!
  const bad = (): never => {
    throw new RangeError('no provider')
  }
  await runner(name, {
    answer: { from: 'start', retry: { tries: 1 }, run: bad },
    remind: { from: 'start', after: () => 3_600_000 },
    retried: { from: 'start', retry: { tries: 2, delay: 3_600_000 }, run: bad },
  })
  await engine.dispatch.requestTurn({ id: 'a' })
  const stored = async () => storedReactions(['quiet'], await readReactions(core))
  const isOver = async (): Promise<boolean> => {
    const [answer, , , retried] = await stored()
    return !!answer?.open[0]?.dead && retried?.open[0]?.attempts === 1
  }
  await expect.poll(isOver, { timeout: 20_000 }).toBe(true)
  const all = await stored()
  expect(all.map((one) => [one.name, one.scanned, one.version, one.open.length])).toEqual([
    ['answer', 1, 1, 1],
    ['quiet', undefined, undefined, 0],
    ['remind', 1, 1, 1],
    ['retried', 1, 1, 1],
  ])
  const [answer, , remind, retried] = all.map(({ open }) => open[0]!)
  expect(waitOf(answer!, Date.now())).toBe('dead')
  expect(answer?.error).toMatchObject({ message: 'no provider' })
  expect(waitOf(remind!, Date.now())).toMatch(/^due at \d/)
  expect(waitOf(retried!, Date.now())).toMatch(/^attempt 2 at \d/)
  expect(waitOf({ ...remind!, due: 0, running: 'x', handler: 'lost' }, Date.now())).toBe(
    'attempt 1 of `lost` is under way',
  )
})

test('the outbox is listed in its order while the remote is away', async () => {
  const { device } = devices()
  const phone = device()
  const engine = await phone.open()
  const core = coreOf.get(engine)!
  await engine.dispatch.add({ id: 'a', title: 'Milk' }, { durability: 'remote' })
  phone.network.set({ offline: true })
  await engine.dispatch.add({ id: 'b', title: 'Bread' })
  await engine.dispatch.toggle({ id: 'b' })
  expect((await waitingCommands(core)).map(({ name, input }) => [name, input])).toEqual([
    ['add', { id: 'b', title: 'Bread' }],
    ['toggle', { id: 'b' }],
  ])
  phone.network.set({ offline: false })
  await expect.poll(() => engine.status.sync?.pending, { timeout: 20_000 }).toBe(0)
  expect(await waitingCommands(core)).toEqual([])
})

/** A build that knows one more event. */
function newerChat() {
  const events = defineEvents({ turnRequested: event<{ id: string; thread: string }>(), turnStarred: event() })
  return defineModel({ name: 'chat', events, projections: {}, commands: { star: () => events.turnStarred() } })
}

test('open events can be read while this build is outdated', async () => {
  const name = freshName()
  const engine = await chatTab(name)
  const { close } = await runner(name, { remind: { from: 'start', after: () => 3_600_000 } })
  await engine.dispatch.requestTurn({ id: 'a' })
  const openOf = async (of: typeof engine) => storedReactions([], await readReactions(coreOf.get(of)!))[0]?.open.length
  await expect.poll(() => openOf(engine), { timeout: 20_000 }).toBe(1)
  await close()
  const newer = await openEngine(newerChat(), { name })
  await newer.dispatch.star()
  await newer.close()
  const older = await chatTab(name)
  expect(older.status.state).toBe('outdated')
  expect(await openOf(older)).toBe(1)
  expect(await deadLetters(older)).toEqual([])
})

test('open events can be read, and are still handed on, when the log is damaged', async () => {
  const name = freshName()
  const engine = await chatTab(name)
  const core = coreOf.get(engine)!
  const { close } = await runner(name, {
    answer: {
      from: 'start',
      retry: { tries: 1 },
      run() {
        throw new RangeError('no provider')
      },
    },
  })
  await engine.dispatch.requestTurn({ id: 'a' })
  const openNow = async () => storedReactions([], await readReactions(core))[0]?.open
  await expect.poll(async () => (await openNow())?.[0]?.dead, { timeout: 20_000 }).toBeTruthy()
  await close()
  const next = engine.status.sequence + 1
  await inDatabase(name, (store) => store('commits').put({ first: next, last: next } as never, next))
  await engine.dispatch.requestTurn({ id: 'b' }).catch(() => {})
  await expect.poll(() => engine.status.state, { timeout: 20_000 }).toBe('failed')
  expect(await openNow()).toHaveLength(1)
  const [letter] = await deadLetters(engine)
  expect(await letter?.retry()).toBe(true)
  expect(waitOf((await openNow())![0]!, Date.now())).toBe('attempt 1 is next in its lane')
})
