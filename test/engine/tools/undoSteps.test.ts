import { defineEvents, defineModel, event, openEngine, projection, reject, table, value } from 'tidemark'
import { undoStack } from 'tidemark/tools'
import { describe, expect, test } from 'vitest'
import { coreOf } from '../../../src/engine/openEngine.ts'
import { atEnd } from '../kit.ts'
import { freshName, outcome } from '../todos.ts'

interface User {
  id: string
  email: string
}
interface Card {
  id: string
  list: string
  x: number
}
const events = defineEvents({
  userAdded: event<User>(),
  emailChanged: event<User>(),
  listAdded: event<{ list: string }>(),
  listRemoved: event<{ list: string }>(),
  cardAdded: event<{ id: string; list: string }>(),
  cardMoved: event<{ id: string; list: string; x: number }>(),
  cardRemoved: event<{ id: string }>(),
})
const app = () => {
  const users = projection(events, {
    into: table<User>('id'),
    evolve: { userAdded: (_, { data }) => data, emailChanged: (user, { data }) => user && data },
  })
  const lists = projection(events, {
    into: table<{ list: string }>('list'),
    evolve: { listAdded: (_, { data }) => data, listRemoved: () => null },
  })
  const cards = projection(events, {
    into: table<Card>('id'),
    evolve: {
      cardAdded: (_, { data }) => ({ ...data, x: 0 }),
      cardMoved: (card, { data }) => card && data,
      cardRemoved: () => null,
    },
  })
  const moves = projection(events, { into: value(0), evolve: { cardMoved: (n) => n + 1 } })
  return defineModel({
    name: 'steps',
    events,
    projections: { users, lists, cards, moves },
    commands: {
      addUser: ({ users }, data: User) =>
        users.by('email', data.email).length ? reject('email-taken') : events.userAdded(data),
      setEmail: ({ users }, data: User) =>
        users.by('email', data.email).length ? reject('email-taken') : events.emailChanged(data),
      addList: (_, list: string) => events.listAdded({ list }),
      removeList: (_, list: string) => events.listRemoved({ list }),
      addCard: (_, list: string, { id }) => events.cardAdded({ id: id(), list }),
      move: ({ lists }, data: Card) => (lists.has(data.list) ? events.cardMoved(data) : reject('no-list')),
    },
  })
}
type Engine = Awaited<ReturnType<typeof open>>

async function open(name = freshName(), options: { storage?: 'memory' } = {}) {
  const engine = await openEngine(app(), { name, ...options })
  atEnd(() => engine.close())
  return engine
}

const stackOf = (engine: Engine, options?: Parameters<typeof undoStack>[2]) => {
  const { commands } = engine.model
  return undoStack(
    engine,
    {
      addUser: ({ input: { id } }) => events.emailChanged({ id, email: '' }),
      setEmail: ({ input: { id }, before }) => {
        const user = before.users.get(id)
        return user && ((read) => commands.setEmail(read, user))
      },
      addCard: ({ events: [added] }) => (added?.type === 'cardAdded' ? events.cardRemoved({ id: added.data.id }) : []),
      move: ({ input: { id }, before }) => {
        const card = before.cards.get(id)
        return card && ((read) => commands.move(read, card))
      },
    },
    options,
  )
}

/** Two tabs of one log, each at its head. */
async function two() {
  const name = freshName()
  const a = await open(name)
  const b = await open(name)
  const together = () => expect.poll(() => a.status.sequence - b.status.sequence).toBe(0)
  return { a, b, together }
}

/** An engine in memory with one card in a list. */
async function board(options?: Parameters<typeof undoStack>[2]) {
  const engine = await open(freshName(), { storage: 'memory' })
  await engine.dispatch.addList('todo')
  const { events } = await engine.dispatch.addCard('todo')
  const [added] = events as unknown as [{ data: { id: string } }]
  const { id } = added.data
  const stack = stackOf(engine, options)
  const move = (x: number) => engine.dispatch.move({ id, list: 'todo', x })
  const x = () => engine.read.cards.get(id)?.x
  return { engine, stack, id, move, x }
}

describe('an inverse that is a command', () => {
  test('an undo that would give two users one e-mail is rejected, and nothing is appended', async () => {
    const { a, b, together } = await two()
    await a.dispatch.addUser({ id: 'a', email: 'first@x' })
    await a.dispatch.addUser({ id: 'b', email: 'b@x' })
    const stack = stackOf(a)
    await a.dispatch.setEmail({ id: 'a', email: 'second@x' })
    await together()
    await b.dispatch.setEmail({ id: 'b', email: 'first@x' })
    await together()
    expect(await outcome(stack.undo())).toMatchObject({ name: 'CommandRejected', code: 'email-taken' })
    expect(a.read.users.all().map(({ email }) => email)).toEqual(['second@x', 'first@x'])
    expect([a.status.sequence, stack.canUndo, stack.canRedo]).toEqual([4, false, false])
  })

  test('an undo that loses the race for the e-mail is rejected, too', async () => {
    const { a, b, together } = await two()
    await a.dispatch.addUser({ id: 'a', email: 'first@x' })
    await a.dispatch.addUser({ id: 'b', email: 'b@x' })
    const stack = stackOf(a)
    await a.dispatch.setEmail({ id: 'a', email: 'second@x' })
    await together()
    await b.dispatch.setEmail({ id: 'b', email: 'first@x' })
    // The message that says so is a task of its own.
    expect(a.status.sequence).toBe(3)
    const undone = outcome(stack.undo())
    expect(await undone).toMatchObject({ code: 'email-taken' })
    expect(a.read.users.all().map(({ email }) => email)).toEqual(['second@x', 'first@x'])
  })

  test('a redo is decided by the command again: it is rejected if the e-mail is taken by now', async () => {
    const { a, b, together } = await two()
    await a.dispatch.addUser({ id: 'a', email: 'first@x' })
    await a.dispatch.addUser({ id: 'b', email: 'b@x' })
    const stack = stackOf(a)
    await a.dispatch.setEmail({ id: 'a', email: 'second@x' })
    await stack.undo()
    await together()
    await b.dispatch.setEmail({ id: 'b', email: 'second@x' })
    await together()
    expect(await outcome(stack.redo())).toMatchObject({ code: 'email-taken' })
    expect(a.read.users.all().map(({ email }) => email)).toEqual(['first@x', 'second@x'])
  })

  test('a card is not moved back into a list that was removed since', async () => {
    const { engine, stack, id } = await board()
    await engine.dispatch.addList('done')
    await engine.dispatch.move({ id, list: 'done', x: 1 })
    await engine.dispatch.removeList('todo')
    expect(await outcome(stack.undo())).toMatchObject({ code: 'no-list' })
    expect(engine.read.cards.get(id)).toMatchObject({ list: 'done' })
  })

  test('is refused like events if somebody has changed the same value since', async () => {
    const { engine, stack, move, id } = await board()
    await move(1)
    // Of this tab as well: without a stack of its own, it is another hand.
    coreOf.get(engine)!.interceptors.clear()
    await move(2)
    expect(await outcome(stack.undo())).toMatchObject({
      code: 'undo-conflict',
      details: { projection: 'cards', key: id, property: 'x' },
    })
  })

  test('a redo gives what it adds the ids it had, so that later steps find it', async () => {
    const engine = await open(freshName(), { storage: 'memory' })
    await engine.dispatch.addList('todo')
    const stack = stackOf(engine)
    await engine.dispatch.addCard('todo')
    const { id } = engine.read.cards.all()[0]!
    await engine.dispatch.move({ id, list: 'todo', x: 5 })
    for (let i = 0; i < 2; i++) await stack.undo()
    expect(engine.read.cards.size).toBe(0)
    for (let i = 0; i < 2; i++) await stack.redo()
    expect(engine.read.cards.all()).toEqual([{ id, list: 'todo', x: 5 }])
    for (let i = 0; i < 2; i++) await stack.undo()
    expect(engine.read.cards.size).toBe(0)
  })
})

test('an inverse that gives a recorded event, or one spread, does not have its schema run again', async () => {
  /** Takes euros, keeps cents. */
  const cents = {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate: (value: unknown) => ({ value: { cents: (value as { euros: number }).euros * 100 } }),
      types: undefined as unknown as { input: { euros: number }; output: { cents: number } },
    },
  } as const
  const events = defineEvents({ priced: event(cents), cleared: event() })
  const price = projection(events, {
    into: value(0),
    evolve: { priced: (_, { data }) => data.cents, cleared: () => 0 },
  })
  const model = defineModel({
    name: 'prices',
    events,
    projections: { price },
    commands: { set: (_, euros: number) => events.priced({ euros }), clear: () => events.cleared() },
  })
  const engine = await openEngine(model, { name: freshName(), storage: 'memory' })
  atEnd(() => engine.close())
  const {
    events: [priced],
  } = await engine.dispatch.set(3)
  if (priced?.type !== 'priced') throw new Error('not priced')
  for (const given of [priced, { ...priced }, [events.priced({ euros: 3 })], () => ({ ...priced })]) {
    const stack = undoStack(engine, { clear: () => given })
    await engine.dispatch.clear()
    await stack.undo()
    expect(engine.read.price.value).toBe(300)
    stack.close()
  }
})

describe('steps', () => {
  test('a drag of 150 moves is one step, undone and done again by one command each', async () => {
    const { engine, stack, move, x } = await board()
    let drop = (): void => {}
    const moved = stack.group(async () => {
      for (let i = 1; i <= 150; i++) await move(i)
      await new Promise<void>((resolve) => {
        drop = resolve
      })
    })
    await expect.poll(x).toBe(150)
    drop()
    await moved
    await move(500)
    await stack.undo()
    expect(x()).toBe(150)
    const undone = await stack.undo()
    expect([x(), stack.canUndo, stack.canRedo]).toEqual([0, false, true])
    expect(new Set(undone?.events.map(({ commandId }) => commandId)).size).toBe(1)
    await stack.redo()
    expect([x(), engine.read.moves.value]).toEqual([150, 452])
    await stack.undo()
    expect([x(), stack.canUndo]).toEqual([0, false])
  })

  test('a group ends when its work returns, throws or rejects, and a group inside belongs to the outer one', async () => {
    const { stack, move, x } = await board()
    const given = stack.group(() => {
      move(1)
      stack.group(() => move(2))
      move(3)
      return 'given'
    })
    expect(given).toBe('given')
    expect(() =>
      stack.group(() => {
        move(4)
        move(5)
        throw new RangeError('no')
      }),
    ).toThrow('no')
    await outcome(stack.group(() => Promise.all([move(6), move(7), Promise.reject(new RangeError('no'))])))
    await move(8)
    const seen = []
    while (stack.canUndo) {
      await stack.undo()
      seen.push(x())
    }
    expect(seen).toEqual([7, 5, 3, 0])
  })

  test('commands of one name that follow each other quickly are one step, if the app says how quickly', async () => {
    const { engine, stack, move, x } = await board({ groupMs: 60_000 })
    await move(1)
    await move(2)
    await engine.dispatch.addCard('todo')
    await move(3)
    await stack.undo()
    await stack.undo()
    expect(x()).toBe(2)
    await stack.undo()
    expect(x()).toBe(0)
    await move(4)
    await move(5)
    await stack.undo()
    expect([x(), stack.canUndo]).toEqual([0, false])
  })

  test('an undo of a group is refused as a whole if somebody wrote in the middle of it', async () => {
    const { a, b, together } = await two()
    await a.dispatch.addList('todo')
    await a.dispatch.addCard('todo')
    const { id } = a.read.cards.all()[0]!
    const stack = stackOf(a)
    await together()
    await stack.group(async () => {
      await a.dispatch.move({ id, list: 'todo', x: 1 })
      await together()
      await b.dispatch.move({ id, list: 'todo', x: 5 })
      await together()
      await a.dispatch.move({ id, list: 'todo', x: 6 })
    })
    const before = a.status.sequence
    expect(await outcome(stack.undo())).toMatchObject({ code: 'undo-conflict', details: { property: 'x' } })
    expect([a.read.cards.get(id)?.x, a.status.sequence]).toEqual([6, before])
  })

  test('a command of a group that is refused is left out of its step', async () => {
    const { engine, stack, move, id, x } = await board()
    await outcome(
      stack.group(() => Promise.allSettled([move(1), engine.dispatch.move({ id, list: 'none', x: 9 }), move(2)])),
    )
    const undone = await stack.undo()
    expect([x(), undone?.events.length, stack.canUndo]).toEqual([0, 2, false])
  })

  test('keeps 100 steps, or as many as the app says', async () => {
    const few = await board({ limit: 3 })
    const usual = await board()
    for (const { move } of [few, usual]) for (let i = 1; i <= 120; i++) await move(i)
    for (const [{ stack, x }, left] of [
      [few, 117],
      [usual, 20],
    ] as const) {
      while (stack.canUndo) await stack.undo()
      expect(x()).toBe(left)
    }
    for (const limit of [0, -1, 1.5, Number.NaN]) expect(() => stackOf(few.engine, { limit })).toThrow(RangeError)
    for (const groupMs of [-1, Number.NaN]) expect(() => stackOf(few.engine, { groupMs })).toThrow(RangeError)
  })
})

describe('lifetime', () => {
  test('6,000 stacks, opened and closed by components, leave nothing, and commands work', async () => {
    const { engine, stack, move, x } = await board()
    const { interceptors } = coreOf.get(engine)!
    for (let i = 0; i < 6_000; i++) stackOf(engine).close()
    expect(interceptors.size).toBe(1)
    await move(1)
    await stack.undo()
    expect(x()).toBe(0)
  })

  test('6,000 stacks that nobody closed do not keep a command from being decided', async () => {
    const { engine, move, x } = await board()
    for (let i = 0; i < 6_000; i++) undoStack(engine, {})
    await move(1)
    expect(x()).toBe(1)
  })

  test('a closed stack has nothing to undo, says so, and follows no more commands', async () => {
    const { stack, move } = await board()
    await move(1)
    await move(2)
    await stack.undo()
    const told: boolean[] = []
    stack.subscribe(() => told.push(stack.canUndo || stack.canRedo))
    stack.close()
    stack.close()
    await move(3)
    expect([await stack.undo(), await stack.redo(), stack.canUndo, told]).toEqual([
      undefined,
      undefined,
      false,
      [false],
    ])
  })

  test('an undo that is on its way when its stack is closed settles', async () => {
    const { stack, move, x } = await board()
    await move(1)
    const undone = stack.undo()
    stack.close()
    expect(await undone).toMatchObject({ duplicate: false })
    expect(x()).toBe(0)
  })

  test('ends with its handle, though another handle keeps the engine', async () => {
    const model = app()
    const name = freshName()
    const options = { name, storage: 'memory' } as const
    const [one, other] = [await openEngine(model, options), await openEngine(model, options)]
    atEnd(() => other.close())
    const core = coreOf.get(other)!
    const stack = stackOf(one)
    expect(core.interceptors.size).toBe(1)
    await one.close()
    expect(core.interceptors.size).toBe(0)
    await other.dispatch.addList('todo')
    expect([stack.canUndo, await outcome(stack.undo())]).toEqual([false, undefined])
  })

  test('is refused on a closed engine, and on what is not an engine', async () => {
    const engine = await open(freshName(), { storage: 'memory' })
    await engine.close()
    expect(() => stackOf(engine)).toThrow(expect.objectContaining({ name: 'EngineClosed' }))
    expect(() => undoStack({} as never, {})).toThrow(expect.objectContaining({ name: 'ModelError' }))
  })
})
