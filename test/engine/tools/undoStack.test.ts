import { defineEvents, defineModel, event, openEngine, projection, reject, table, value } from 'tidemark'
import { undoStack } from 'tidemark/tools'
import { describe, expect, test, vi } from 'vitest'
import { abortWith, isAppend } from '../../log/storage.ts'
import { atEnd, broken } from '../kit.ts'
import { collect, freshName, later, outcome } from '../todos.ts'

interface Task {
  id: string
  list: string
  title: string
  done: boolean
  /** As real rows have it: no undo brings it back. */
  changed: number
}
const events = defineEvents({
  added: event<{ id: string; list: string; title: string }>(),
  renamed: event<{ id: string; title: string }>(),
  marked: event<{ id: string; done: boolean }>(),
  removed: event<{ id: string; list: string }>(),
  coloured: event<{ colour: string }>(),
  shouted: event<{ text: string }>().upcast((data) => data),
})
const app = () => {
  const tasks = projection(events, {
    into: table<Task>('id'),
    evolve: {
      added: (_, { data, sequence }) => ({ ...data, done: false, changed: sequence }),
      renamed: (task, { data, sequence }) => task && { ...task, title: data.title, changed: sequence },
      marked: (task, { data, sequence }) => task && { ...task, done: data.done, changed: sequence },
      removed: () => null,
    },
  })
  const lists = projection(events, {
    into: table<{ list: string; tasks: number }>('list'),
    evolve: {
      added: (row, { data: { list } }) => ({ list, tasks: (row?.tasks ?? 0) + 1 }),
      removed: (row, { data: { list } }) => ({ list, tasks: (row?.tasks ?? 0) - 1 }),
    },
  })
  const count = projection(events, { into: value(0), evolve: { added: (n) => n + 1, removed: (n) => n - 1 } })
  const settings = projection(events, {
    into: value({ colour: 'sea', shown: true }),
    evolve: { coloured: (settings, { data }) => ({ ...settings, colour: data.colour }) },
  })
  return defineModel({
    name: 'undo',
    events,
    projections: { tasks, lists, count, settings },
    commands: {
      add: (_, { id, title }: { id: string; title: string }) => events.added({ id, list: 'inbox', title }),
      rename: ({ tasks }, { id, title }: { id: string; title: string }) =>
        tasks.has(id) ? events.renamed({ id, title }) : reject('gone'),
      mark: ({ tasks }, { id, done }: { id: string; done: boolean }) =>
        tasks.get(id)?.done === !done ? events.marked({ id, done }) : [],
      remove: ({ tasks }, { id }: { id: string }) =>
        tasks.has(id) ? events.removed({ id, list: tasks.get(id)!.list }) : [],
      colour: (_, data: { colour: string }) => events.coloured(data),
      shout: (_, data: { text: string }) => events.shouted(data),
    },
  })
}
type Engine = Awaited<ReturnType<typeof open>>

async function open(name = freshName(), options: { storage?: 'memory'; meta?: string } = {}) {
  const engine = await openEngine(app(), { name, ...options })
  atEnd(() => engine.close())
  return engine
}
const stackOf = (engine: Engine) =>
  undoStack(engine, {
    add: ({ input: { id } }) => events.removed({ id, list: 'inbox' }),
    rename: ({ input: { id }, before }) => {
      const task = before.tasks.get(id)
      return task && events.renamed({ id, title: task.title })
    },
    mark: ({ input: { id, done } }) => events.marked({ id, done: !done }),
    remove: ({ input: { id }, before }) => {
      const { done, changed: _, ...data } = before.tasks.get(id)!
      return [events.added(data), ...(done ? [events.marked({ id, done })] : [])]
    },
    colour: ({ before }) => events.coloured({ colour: before.settings.value.colour }),
    shout: ({ input }) => {
      throw new RangeError(input.text)
    },
  })
const titles = ({ read }: Engine) => read.tasks.all().map(({ title }) => title)
const types = async (engine: Engine) => (await collect(engine.history())).map(({ type }) => type)

/** Two tabs of one log, each at its head. */
async function two() {
  const name = freshName()
  const a = await open(name)
  const b = await open(name)
  const together = () => expect.poll(() => a.status.sequence - b.status.sequence).toBe(0)
  return { a, b, together }
}

describe('undoStack', () => {
  test('undoes commands, the last one first, and redoes them', async () => {
    const a = await open()
    const stack = stackOf(a)
    expect([stack.canUndo, stack.canRedo, await stack.undo(), await stack.redo()]).toEqual([
      false,
      false,
      undefined,
      undefined,
    ])
    await a.dispatch.add({ id: 'a', title: 'Milk' })
    await a.dispatch.rename({ id: 'a', title: 'Oats' })
    await a.dispatch.mark({ id: 'a', done: true })
    await a.dispatch.remove({ id: 'a' })
    expect(await stack.undo()).toMatchObject({ events: [{ type: 'added' }, { type: 'marked' }], duplicate: false })
    expect(a.read.tasks.get('a')).toMatchObject({ title: 'Oats', done: true })
    await stack.undo()
    expect(a.read.tasks.get('a')).toMatchObject({ title: 'Oats', done: false })
    await stack.undo()
    expect(titles(a)).toEqual(['Milk'])
    await stack.undo()
    expect([titles(a), stack.canUndo, stack.canRedo]).toEqual([[], false, true])
    expect(a.read.count.value).toBe(0)
    for (let i = 0; i < 4; i++) await stack.redo()
    expect([titles(a), stack.canUndo, stack.canRedo]).toEqual([[], true, false])
    for (let i = 0; i < 3; i++) await stack.undo()
    await stack.redo()
    expect(titles(a)).toEqual(['Oats'])
    expect((await types(a)).length).toBe(a.status.sequence)
  })

  test('is visible in the same turn, also of a command that is still on its way', async () => {
    const a = await open()
    const stack = stackOf(a)
    const sent = a.dispatch.add({ id: 'a', title: 'Milk' })
    const renamed = a.dispatch.rename({ id: 'a', title: 'Oats' })
    const undone = [stack.undo(), stack.undo()]
    expect([titles(a), stack.canUndo, stack.canRedo]).toEqual([[], false, true])
    const redone = stack.redo()
    expect(titles(a)).toEqual(['Milk'])
    await Promise.all([sent, renamed, ...undone, redone])
    expect(await types(a)).toEqual(['added', 'renamed', 'renamed', 'removed', 'added'])
  })

  test('a new command ends redo; commands without an inverse, refused ones and those without events are not in it', async () => {
    const a = await open()
    const stack = stackOf(a)
    await a.dispatch.add({ id: 'a', title: 'Milk' })
    await stack.undo()
    await outcome(a.dispatch.rename({ id: 'a', title: 'Oats' }))
    await a.dispatch.mark({ id: 'a', done: true })
    expect([stack.canUndo, stack.canRedo]).toEqual([false, true])
    await a.dispatch.add({ id: 'b', title: 'Bread' })
    expect([stack.canUndo, stack.canRedo]).toEqual([true, false])
    await stack.undo()
    expect(titles(a)).toEqual([])
  })

  test("is of this tab: another tab's commands are not in it", async () => {
    const { a, b, together } = await two()
    const stack = stackOf(a)
    await b.dispatch.add({ id: 'b', title: 'theirs' })
    await together()
    expect(stack.canUndo).toBe(false)
    await a.dispatch.add({ id: 'a', title: 'mine' })
    await stack.undo()
    expect(titles(a)).toEqual(['theirs'])
    expect(a.read.lists.all()).toEqual([{ list: 'inbox', tasks: 1 }])
  })

  test('is refused with a reason where it would put back what another has changed since, and nothing is appended', async () => {
    const { a, b, together } = await two()
    const stack = stackOf(a)
    await a.dispatch.add({ id: 'a', title: 'Milk' })
    await a.dispatch.colour({ colour: 'red' })
    await a.dispatch.rename({ id: 'a', title: 'Oats' })
    await together()
    await b.dispatch.rename({ id: 'a', title: 'Rye' })
    await b.dispatch.colour({ colour: 'blue' })
    await together()
    const refused = { name: 'CommandRejected', code: 'undo-conflict' }
    expect(await outcome(stack.undo())).toMatchObject({
      ...refused,
      details: { projection: 'tasks', key: 'a', property: 'title' },
    })
    expect(await outcome(stack.undo())).toMatchObject({
      ...refused,
      details: { projection: 'settings', property: 'colour' },
    })
    // It is another todo by now: removing it would take their name with it.
    expect(await outcome(stack.undo())).toMatchObject({ ...refused, details: { projection: 'tasks', key: 'a' } })
    expect([stack.canUndo, stack.canRedo, await stack.undo()]).toEqual([false, false, undefined])
    expect(titles(a)).toEqual(['Rye'])
    expect(a.status.sequence).toBe(5)
  })

  test('is refused where nothing is left to take back', async () => {
    const { a, b, together } = await two()
    const stack = stackOf(a)
    await a.dispatch.add({ id: 'a', title: 'Milk' })
    await a.dispatch.mark({ id: 'a', done: true })
    await together()
    await b.dispatch.remove({ id: 'a' })
    await together()
    expect(await outcome(stack.undo())).toMatchObject({ name: 'CommandRejected', code: 'undo-without-effect' })
    expect(a.status.sequence).toBe(3)
  })

  test('a redo is refused likewise', async () => {
    const { a, b, together } = await two()
    const stack = stackOf(a)
    await a.dispatch.add({ id: 'a', title: 'Milk' })
    await a.dispatch.rename({ id: 'a', title: 'Oats' })
    await stack.undo()
    await together()
    await b.dispatch.rename({ id: 'a', title: 'Rye' })
    await together()
    expect(await outcome(stack.redo())).toMatchObject({ code: 'undo-conflict' })
    expect(titles(a)).toEqual(['Rye'])
  })

  test('what others changed elsewhere, in the same row or in the same sum, is no conflict', async () => {
    const { a, b, together } = await two()
    const stack = stackOf(a)
    await a.dispatch.add({ id: 'a', title: 'Milk' })
    await a.dispatch.rename({ id: 'a', title: 'Oats' })
    await a.dispatch.add({ id: 'c', title: 'Cheese' })
    await together()
    await b.dispatch.add({ id: 'b', title: 'theirs' })
    await b.dispatch.mark({ id: 'a', done: true })
    await together()
    await stack.undo()
    await stack.undo()
    expect(a.read.tasks.all()).toMatchObject([{ title: 'Milk', done: true }, { title: 'theirs' }])
    expect(a.read.lists.all()).toEqual([{ list: 'inbox', tasks: 2 }])
    expect(a.read.count.value).toBe(2)
  })

  test('the inverse is made again when its command is decided again after a lost race', async () => {
    const { a, b, together } = await two()
    await a.dispatch.add({ id: 'a', title: 'Milk' })
    await together()
    const stack = stackOf(a)
    await b.dispatch.rename({ id: 'a', title: 'Rye' })
    // The message that says so is a task of its own.
    expect(a.status.sequence).toBe(1)
    expect(await a.dispatch.rename({ id: 'a', title: 'Oats' })).toMatchObject({ sequence: 3 })
    await stack.undo()
    expect(titles(a)).toEqual(['Rye'])
  })

  test('an undo that loses a race is decided again: refused where the winner made it meaningless', async () => {
    const { a, b, together } = await two()
    const stack = stackOf(a)
    await a.dispatch.add({ id: 'a', title: 'Milk' })
    await a.dispatch.rename({ id: 'a', title: 'Oats' })
    await together()
    await b.dispatch.rename({ id: 'a', title: 'Rye' })
    const undone = outcome(stack.undo())
    expect(titles(a)).toEqual(['Milk'])
    expect(await undone).toMatchObject({ code: 'undo-conflict' })
    expect(titles(a)).toEqual(['Rye'])
    expect(await types(a)).toEqual(['added', 'renamed', 'renamed'])
    const other = b.dispatch.add({ id: 'b', title: 'theirs' })
    await a.dispatch.mark({ id: 'a', done: true })
    await stack.undo()
    await other
    expect(a.read.tasks.get('a')).toMatchObject({ done: false })
  })

  test('when a command fails, its undo fails with it; an undo that the storage refuses can be tried again', async () => {
    const a = await open()
    const stack = stackOf(a)
    await a.dispatch.add({ id: 'a', title: 'Milk' })
    const faults = broken()
    faults.onTransaction = (transaction, stores, mode) => {
      if (isAppend(stores, mode)) abortWith(transaction, 'QuotaExceededError')
    }
    const renamed = outcome(a.dispatch.rename({ id: 'a', title: 'Oats' }))
    const undone = outcome(stack.undo())
    expect(await renamed).toMatchObject({ kind: 'quota' })
    expect(await undone).toMatchObject({ name: expect.stringMatching(/CommandRejected|StorageError/) })
    expect(titles(a)).toEqual(['Milk'])
    expect(await outcome(stack.undo())).toMatchObject({ kind: 'quota' })
    expect([stack.canUndo, stack.canRedo]).toEqual([true, false])
    faults.stop()
    await stack.undo()
    expect([titles(a), stack.canUndo, stack.canRedo]).toEqual([[], false, true])
  })

  test('an inverse that throws is reported, and its command goes on without an undo', async () => {
    const reported: unknown[] = []
    vi.stubGlobal('reportError', (error: unknown) => reported.push(error))
    const a = await open()
    const stack = stackOf(a)
    await a.dispatch.shout({ text: 'no' })
    expect(reported).toEqual([new RangeError('no')])
    expect(stack.canUndo).toBe(false)
  })

  test('a command with a repeated id is not undone by the caller that repeats it', async () => {
    const { a, b, together } = await two()
    await b.dispatch.add({ id: 'a', title: 'Milk' }, { commandId: 'once' })
    await together()
    const stack = stackOf(a)
    expect(await a.dispatch.add({ id: 'a', title: 'Milk' }, { commandId: 'once' })).toMatchObject({ duplicate: true })
    expect(stack.canUndo).toBe(false)
  })

  test('carries the meta of its engine, tells its listeners outside of decisions, and ends with the engine', async () => {
    const a = await open(freshName(), { meta: 'laptop' })
    const stack = stackOf(a)
    const told: [boolean, number][] = []
    const stop = stack.subscribe(() => told.push([stack.canUndo, a.read.tasks.size]))
    await a.dispatch.add({ id: 'a', title: 'Milk' })
    await later()
    expect(told.at(-1)).toEqual([true, 1])
    expect(await stack.undo()).toMatchObject({ events: [{ meta: 'laptop' }] })
    await later()
    expect(told.at(-1)).toEqual([false, 0])
    stop()
    const { length } = told
    await stack.redo()
    expect(told.length).toBe(length)
    await a.close()
    expect(await outcome(stack.undo())).toMatchObject({ name: 'EngineClosed' })
    expect(stack.canUndo).toBe(true)
  })

  test('two stacks of one tab do not affect each other', async () => {
    const a = await open(freshName(), { storage: 'memory' })
    const one = stackOf(a)
    const other = undoStack(a, { colour: ({ before }) => events.coloured({ colour: before.settings.value.colour }) })
    await a.dispatch.add({ id: 'a', title: 'Milk' })
    expect([one.canUndo, other.canUndo]).toEqual([true, false])
    await a.dispatch.colour({ colour: 'red' })
    await other.undo()
    expect(a.read.settings.value.colour).toBe('sea')
    expect(await outcome(one.undo())).toMatchObject({ code: 'undo-without-effect' })
    await one.undo()
    expect(titles(a)).toEqual([])
  })
})
