// The types by example. Everything above the line "rejected programs" compiles; each program below it is rejected. It never runs: `npm run types` checks it.
import {
  type AnyRecorded,
  CommandRejected,
  deepEqual,
  defineEvents,
  defineModel,
  type EngineOf,
  type Events,
  type EventType,
  event,
  type Json,
  type OnDisk,
  openEngine,
  type Projection,
  projection,
  type ReadOf,
  type ReadTable,
  type Recorded,
  type Resident,
  reject,
  shallowEqual,
  table,
  value,
} from 'tidemark'
import { useRead, useStatus } from 'tidemark/react'
import { given, openTestEngine } from 'tidemark/testing'
import {
  archive,
  at,
  destroy,
  exportLog,
  importLog,
  openTable,
  performanceTrack,
  persist,
  preview,
  resumeMirror,
  spans,
  undoStack,
  verify,
} from 'tidemark/tools'

interface Todo {
  id: string
  title: string
  done: boolean
  assignee?: string
  labels: string[]
}
const events = defineEvents({
  todoAdded: event<{ id: string; title: string }>(),
  todoToggled: event<{ id: string }>(),
  todoRemoved: event<{ id: string }>(),
  doneCleared: event(),
  reverted: event<{ to: string }>(),
})
const todos = projection(events, {
  into: table<Todo>('id'),
  version: 1,
  by: {
    doneCleared: () => ({ done: true }),
    reverted: ({ data }, rows) => {
      const all = rows.all().map((todo) => todo.id)
      return all.slice(all.indexOf(data.to) + 1)
    },
  },
  evolve: {
    todoAdded: (_, { data }) => ({ ...data, done: false, labels: [] }),
    todoToggled: (todo) => todo && { ...todo, done: !todo.done },
    todoRemoved: () => null,
    doneCleared: (_, e) => {
      // biome-ignore lint/suspicious/noConfusingVoidType: that is the type of no data
      const none: void = e.data
      void none
      return null
    },
    reverted: () => null,
  },
})
const count = projection(events, { into: value(0), evolve: { todoAdded: (n) => n + 1 } })
const search = projection(events, {
  into: table<Todo>('id', { resident: false, indexes: ['title'] }),
  by: { reverted: ({ data }) => ({ title: data.to }) },
  evolve: { todoRemoved: () => null },
})
const app = defineModel({
  name: 't',
  events,
  projections: { todos, count, search },
  commands: {
    add: (_, { title }: { title: string }, { id }) => events.todoAdded({ id: id(), title }),
    toggle: ({ todos }, { id }: { id: string }) =>
      todos.has(id) ? events.todoToggled({ id }) : reject('nope', { id }),
    clearDone: ({ todos }) =>
      todos
        .all()
        .filter((todo) => todo.done)
        .map(({ id }) => events.todoRemoved({ id })),
    maybe: ({ todos }, { id }: { id: string }) => {
      if (todos.has(id)) return
      return events.todoAdded({ id, title: '' })
    },
    optional: (_, _why?: { why: string }) => [],
  },
})

const engine = await openEngine(app, { name: 't-alice', meta: { device: 'laptop' } })
const n: number = engine.read.count.value
const t: Readonly<Todo> | undefined = engine.read.todos.get('x')
const receipt = await engine.dispatch.add({ title: 'x' }, { durability: 'strict' })
receipt.events[0]!.sequence satisfies number
if (receipt.confirmed !== false) receipt.sequence satisfies number
await engine.projected(receipt.sequence)
// @ts-expect-error the remote has not ordered it yet
if (receipt.confirmed === false) receipt.sequence satisfies number
// @ts-expect-error the value is unknown before it is read
receipt.sequence satisfies number
await engine.dispatch.clearDone()
await engine.dispatch.clearDone(undefined, { commandId: 'x' })
await engine.dispatch.optional()
await engine.dispatch.optional({ why: 'x' })
await engine.dispatch.maybe({ id: 'x' })
for await (const e of engine.history({ table: 'todos', key: 'x', reverse: true })) {
  if (e.type === 'todoAdded') e.data.title.length
}
for await (const e of engine.history({ table: 'search', key: 'x' })) e.at satisfies number
engine.status.projections.todos.state satisfies 'ready' | 'building' | 'failed'
export function Component(): string {
  const open: number = useRead(engine, (read) => read.todos.by('done', false).length)
  const titles = useRead(engine, (read) => read.todos.by('assignee', undefined).map((todo) => todo.title))
  const { search } = useStatus(engine).projections
  return `${open} ${titles[0]?.length} ${search.sequence}`
}
{
  await using disposed = await openTestEngine(app, { storage: 'memory' })
  disposed.read.count.value satisfies number
}
given(app, events.todoAdded({ id: 'x', title: '' }))
  .when('toggle', { id: 'x' })
  .then(events.todoToggled({ id: 'x' }))
given(app).when('clearDone').thenNothing()
given(app).when('toggle', { id: 'x' }).thenRejected('nope', { id: 'x' })
given(app, { type: 'todoAdded', version: 1, data: { id: 'x', title: '' } })
  .at(new Date())
  .when('clearDone')
  .thenRows({ todos: [{ id: 'x', title: '', done: false, labels: [] }], count: 1, search: [] })
void openTestEngine(app, { events: [receipt.events[0]!, { type: 'old', version: 2 }], replace: true })
// tools: the past, undo, tables on disk, the log as a file
const past = await at(engine, new Date(), { onProgress: ({ done, total }) => done / total })
past.read.todos.size satisfies number
if (past.event?.type === 'todoAdded') past.event.data.title satisfies string
for (const { projection, key, before, after } of past.changes) {
  projection satisfies 'todos' | 'count' | 'search'
  key satisfies string | number | undefined
  ;[before, after] satisfies unknown[]
}
await past.move(past.sequence - 1)
const { rejection, changes } = preview(engine, 'toggle', { id: 'a' })
rejection?.code satisfies string | undefined
changes[0]?.projection satisfies 'todos' | 'count' | 'search' | undefined
openEngine(app, { observe: performanceTrack })
openEngine(app, {
  observe: spans(({ name, duration }) => void `${name satisfies string} ${duration satisfies number}`),
})
const undo = undoStack(engine, {
  add: ({ input: { title }, events: [e] }) =>
    title && e?.type === 'todoAdded' ? events.todoRemoved({ id: e.data.id }) : undefined,
  toggle: ({ input: { id }, before }) => (before.todos.has(id) ? [events.todoToggled({ id })] : []),
  clearDone: ({ before: { todos } }) => todos.by('done', true).map(({ id, title }) => events.todoAdded({ id, title })),
})
const checked = undoStack(
  engine,
  {
    toggle:
      ({ input, before }) =>
      ({ todos }, { id, now }) => {
        ;[before.todos.has(input.id), id() satisfies string, now satisfies number]
        return todos.has(input.id) ? events.todoToggled({ id: input.id }) : reject('gone', { id: input.id })
      },
    clearDone: () => (_, context) => [events.todoAdded({ id: context.id(), title: '' })],
    add: ({ events: [added] }) =>
      added?.type === 'todoAdded' ? () => events.todoRemoved({ id: added.data.id }) : undefined,
  },
  { limit: 20, groupMs: 500 },
)
checked.group(() => 'x') satisfies string
;(await checked.group(async () => 1)) satisfies number
checked.close()
const undone = await undo.undo()
undone?.events[0]?.sequence satisfies number | undefined
undo.subscribe(() => undo.canUndo || undo.canRedo)()
const found = await openTable(engine, 'search')
;(await found.where('title').startsWith('a').first())?.labels satisfies string[] | undefined
const file = await new Response(exportLog(engine)).blob()
;(await importLog(engine, file)).sequence satisfies number
const differences = await verify(engine, { signal: AbortSignal.timeout(60_000) })
for (const { projection, key, persisted, folded } of differences) {
  projection satisfies 'todos' | 'count' | 'search'
  key satisfies string | number
  ;[persisted, folded] satisfies unknown[]
}
if (differences.length) await engine.rebuild({ projections: differences.map(({ projection }) => projection) })
declare const saved: FileSystemFileHandle
const old = await archive(engine, {
  before: new Date('2025-01-01'),
  onProgress: ({ phase, done, total }) => `${phase} ${done / total}`,
})
await old.pipeTo(await saved.createWritable())
await old.forget()
if (engine.status.mirror.state === 'off') (await resumeMirror(engine)) satisfies boolean
;(await persist()) satisfies boolean
await destroy(engine)

try {
  await engine.dispatch.toggle({ id: 'y' })
} catch (e) {
  if (e instanceof CommandRejected) e.code satisfies string
}
defineEvents({ anything: event<{ x: Json; list: readonly Json[] }>() })

// one event may create two rows of a table: `by` returns their keys
interface Month {
  key: string
  account: string
  month: string
  total: number
}
const ledger = defineEvents({
  posted: event<{ id: string; date: string; lines: readonly { account: string; amount: number }[] }>(),
})
projection(ledger, {
  into: table<Month>('key'),
  by: { posted: ({ data }) => data.lines.map((line) => `${line.account}|${data.date.slice(0, 7)}`) },
  evolve: {
    posted: (row, { data }, key) => {
      const [account = '', month = ''] = String(key).split('|')
      const lines = data.lines.filter((line) => line.account === account)
      return {
        key: String(key),
        account,
        month,
        total: lines.reduce((sum, line) => sum + line.amount, row?.total ?? 0),
      }
    },
  },
})

// literals stay literals, in handlers with and without parameters, deep in a row and in tuples
interface Task {
  id: string
  state: 'open' | 'done'
  at: { kind: 'day' | 'week'; span: readonly [number, 'h' | 'm'] }
}
const work = defineEvents({ opened: event<{ id: string }>(), closed: event(), reset: event() })
projection(work, {
  into: table<Task>('id'),
  by: { closed: () => ({ state: 'open' }), reset: () => ['a', 'b'] },
  evolve: {
    opened: (_, { data }) => ({ id: data.id, state: 'open', at: { kind: 'day', span: [1, 'h'] } }),
    closed: (task) => task && { ...task, state: 'done' },
    reset: () => ({ id: 'a', state: 'open', at: { kind: 'week', span: [2, 'm'] } }),
  },
})
projection(work, { into: value<'idle' | 'busy'>('idle'), evolve: { opened: () => 'busy', closed: () => 'idle' } })
projection(work, { evolve: { reset: () => new Set<string>() }, into: value<ReadonlySet<string>>(new Set()) })

// payloads: interfaces that contain themselves, unions, brands, records, tuples
interface Tree {
  name: string
  children: readonly Tree[]
  parent?: Tree | null
}
type Shape = { kind: 'circle'; r: number } | { kind: 'rect'; w: number; h: number }
defineEvents({
  grown: event<Tree>(),
  drawn: event<Shape>(),
  named: event<string & { readonly __brand: 'name' }>(),
  counted: event<Record<string, readonly [number, string?]>>(),
})

// evolution: steps, former names, retirement, schemas
interface V1 {
  id: string
  t: string
}
interface V2 {
  id: string
  title: string
}
interface V3 {
  id: string
  title: string
  at: number
}
const chained: EventType<V3> = event<V1>()
  .upcast((v): V2 => ({ id: v.id, title: v.t }))
  .upcast((v): V3 => ({ ...v, at: 0 }))
declare const schema: { '~standard': { types?: { input: { a?: string }; output: { a: string } } } }
const changed = defineEvents({
  noted: chained.was('noteAdded', 'note'),
  old: event<{ x: number }>().retired(),
  s: event(schema),
  s2: event<V1>().upcast(schema, (v) => ({ a: v.t })),
})
const a: string = changed.s({}).data.a
changed.s2({ a: 'x' })
projection(changed, {
  into: value(0),
  evolve: { old: (sum, { data }) => sum + data.x, s2: (sum, { data }) => sum + data.a.length },
})

// a schema runs in the creator: a command may also return a recorded event, or a copy, with the data as the log stores it
declare const moneySchema: { '~standard': { types?: { input: { euro: number }; output: { cents: number } } } }
const money = defineEvents({ paid: event(moneySchema) })
const till = defineModel({
  name: 'till',
  events: money,
  projections: {},
  commands: {
    pay: (_, euro: number) => money.paid({ euro }),
    again: (_, __: undefined) => ({ ...(lastPaid as AnyRecorded<typeof paidTypes>) }),
    byHand: () => ({ type: 'paid', data: { cents: 3 } }),
  },
})
declare const paidTypes: typeof money extends Events<infer E> ? E : never
declare const lastPaid: Recorded<'paid', { cents: number }>
void till

// a table of a generic factory
function tableOf<T extends { id: string }>(): Resident<T> {
  return table<T>('id')
}
function keptTableOf<T extends { slug: string; text: string }>(): OnDisk<T> {
  return table<T, 'slug'>('slug', { resident: false, indexes: ['text'] })
}
function collectionOf<T extends { id: string }>(make: (id: string) => T): Projection<ReadTable<T>> {
  return projection(events, { into: table<T>('id'), evolve: { todoAdded: (_, { data }) => make(data.id) } })
}
const generic: ReadTable<Todo> | undefined = collectionOf<Todo>((id) => ({
  id,
  title: '',
  done: false,
  labels: [],
})).read
void [tableOf<Todo>(), keptTableOf<{ slug: string; text: string }>(), generic, table<any>('anything')]

// a model's own types, and an option that is undefined
function firstTitle(read: ReadOf<typeof app>): string | undefined {
  return read.todos.all()[0]?.title
}
function titleOf(engine: EngineOf<typeof app>): string | undefined {
  return firstTitle(engine.read)
}
void titleOf(engine)
void engine.dispatch.add(
  { title: 'x' },
  { commandId: undefined, durability: undefined, meta: undefined, signal: undefined },
)
void openEngine(app, { name: undefined, meta: undefined, worker: undefined, signal: undefined, onProgress: undefined })
void verify(engine, { signal: undefined, onProgress: undefined })
table<Todo>('id', { history: undefined, resident: undefined })
deepEqual({ a: [1] }, { a: [1] }) satisfies boolean
shallowEqual(todos, count) satisfies boolean

// ---- rejected programs

// @ts-expect-error wrong input
engine.dispatch.add({ titel: 'x' })
// @ts-expect-error input required
engine.dispatch.add()
// @ts-expect-error a command without input takes none
engine.dispatch.clearDone({ id: 'x' })
// @ts-expect-error unknown command
engine.dispatch.nope()
// @ts-expect-error unknown event in evolve
projection(events, { into: table<Todo>('id'), evolve: { todoAdedd: () => null } })
// @ts-expect-error wrong row
projection(events, { into: table<Todo>('id'), evolve: { todoAdded: () => ({ id: 1 }) } })
// @ts-expect-error unknown event in by
projection(events, { into: table<Todo>('id'), by: { nope: () => 'x' }, evolve: {} })
// @ts-expect-error on-disk tables have no rows in memory
projection(events, { into: table<Todo>('id', { resident: false }), by: { doneCleared: (_, rows) => rows }, evolve: {} })
// @ts-expect-error on-disk tables are not in read
engine.read.search
// @ts-expect-error no such property
projection(events, { into: table<Todo>('id'), by: { doneCleared: () => ({ dnoe: true }) }, evolve: {} })
// @ts-expect-error a key is a string or a number
table<Todo>('labels')
// @ts-expect-error a resident table has every index already
table<Todo>('id', { indexes: ['title'] })
// @ts-expect-error look-ups are by simple values
engine.read.todos.by('labels', ['x'])
// @ts-expect-error unknown property
engine.read.todos.by('nope', 1)
// @ts-expect-error a look-up is by a value of the property's type
engine.read.todos.by('done', 'yes')
// @ts-expect-error rows are frozen
engine.read.todos.get('x')!.done = true
// @ts-expect-error lists are frozen
engine.read.todos.all().push(t!)
// @ts-expect-error an event without payload has no data
projection(events, { into: value(0), evolve: { doneCleared: (sum, e) => sum + e.data.anything } })
// @ts-expect-error a literal that the row does not allow
projection(work, { into: table<Task>('id'), by: { closed: () => ({ state: 'lost' }) }, evolve: {} })
// @ts-expect-error a literal that the value does not allow
projection(work, { into: value<'idle' | 'busy'>('idle'), evolve: { closed: () => 'lost' } })
// @ts-expect-error rows go into a table or a value
projection(work, { into: {}, evolve: {} })
// @ts-expect-error a value can't change its type
projection(events, { into: value(0), evolve: { doneCleared: () => 'x' } })
// @ts-expect-error Date is not JSON
event<{ at: Date }>()
// @ts-expect-error Map is not JSON
event<{ m: Map<string, number> }>()
// @ts-expect-error functions are not JSON
event<{ f: () => void }>()
// @ts-expect-error bigint is not JSON
event<{ n: bigint }>()
// @ts-expect-error undefined in an array is not JSON
event<{ list: (string | undefined)[] }>()
// @ts-expect-error unknown may not be JSON
event<{ x: unknown }>()
// @ts-expect-error a schema's output has to be JSON
defineEvents({ dated: event({} as { '~standard': { types?: { input: string; output: { at: Date } } } }) })
// @ts-expect-error a step must fit the version before
event<V1>().upcast((v): V2 => ({ id: v.id, title: v.title }))
// @ts-expect-error the chain does not end in today's type
const wrong: EventType<V3> = event<V1>().upcast((v): V2 => ({ id: v.id, title: v.t }))
// @ts-expect-error retired events are not created
changed.old({ x: 1 })
// @ts-expect-error a creator takes the schema's input
changed.s({ a: 1 })
// @ts-expect-error an event without payload takes none
events.doneCleared({ id: 'x' })
// @ts-expect-error a value has no rows
engine.history({ table: 'count', key: 'x' })
// @ts-expect-error a key needs its table
engine.history({ key: 'x' })
projection(events, {
  into: table<Todo>('id', { resident: false }),
  // @ts-expect-error on disk, a match is on an indexed string or number
  by: { doneCleared: () => ({ done: true }) },
  evolve: {},
})
// @ts-expect-error a step must return JSON
defineEvents({ dated: event<V1>().upcast((v) => ({ at: new Date(v.t) })) })
// @ts-expect-error an asynchronous command is refused
defineModel({ name: 't', events, projections: {}, commands: { later: async () => events.doneCleared() } })
// @ts-expect-error a command gives events of its model
defineModel({ name: 't', events, projections: {}, commands: { other: () => changed.s({}) } })
// @ts-expect-error a command reads the tables of its model
defineModel({ name: 't', events, projections: { todos }, commands: { count: ({ count }) => void count } })
// @ts-expect-error an engine has the projections of its model
engine.rebuild({ projections: ['nope'] })
// @ts-expect-error wrong input in a specification
given(app).when('toggle', { nope: 1 })
// @ts-expect-error unknown command in a specification
given(app).when('nope')
// @ts-expect-error an old event says its version
given(app, { type: 'renamedTodo', data: {} })
// @ts-expect-error rows of another type in a specification
given(app).thenRows({ todos: [{ id: 1 }] })
// @ts-expect-error unknown projection in a specification
given(app).thenRows({ nope: [] })
// @ts-expect-error an engine for a test has no worker
openTestEngine(app, { worker: () => new SharedWorker('x') })
// @ts-expect-error an inverse gets the input of its command
undoStack(engine, { toggle: ({ input }) => events.todoRemoved({ id: input.titel }) })
// @ts-expect-error an inverse of the wrong input
undoStack(engine, { toggle: ({ input }: { input: { title: string } }) => void input })
// @ts-expect-error an inverse of no command
undoStack(engine, { nope: () => undefined })
// @ts-expect-error an inverse gives events of the model
undoStack(engine, { toggle: () => changed.s({}) })
// @ts-expect-error an inverse that is a command gives events of the model
undoStack(engine, { toggle: () => () => changed.s({}) })
// @ts-expect-error an inverse that is a command reads the model's projections
undoStack(engine, { toggle: () => (read) => read.nope && undefined })
// @ts-expect-error an inverse that is a command is synchronous
undoStack(engine, { toggle: () => async () => events.doneCleared() })
// @ts-expect-error the limit is a number of steps
undoStack(engine, {}, { limit: '100' })
// @ts-expect-error an inverse sees the state before, which is read only
undoStack(engine, { toggle: ({ before }) => void (before.todos.get('x')!.done = true) })
// @ts-expect-error a preview of an unknown command
preview(engine, 'nope')
// @ts-expect-error a preview of a wrong input
preview(engine, 'toggle', { nope: 1 })
// @ts-expect-error the past can't be changed
past.read.todos.get('x')!.done = true
// @ts-expect-error rows on disk are not in the past
past.read.search
// @ts-expect-error the past is at a sequence or a date
at(engine, '2026-01-01')
// @ts-expect-error archive needs to know what to archive
archive(engine, {})
// @ts-expect-error the mirror is resumed for an engine, not for its folder
resumeMirror(saved)
// @ts-expect-error a resident table is read through `read`
openTable(engine, 'todos')
export function otherTableOf<T extends { id: string }>(): Resident<T> {
  // @ts-expect-error the key of a generic row must be a property that its constraint names
  return table<T>('ids')
}
// @ts-expect-error an index is a property of the row
table<Todo>('id', { resident: false, indexes: ['titel'] })
// @ts-expect-error a model is what ReadOf takes, not an engine
firstTitle(null as never as ReadOf<typeof engine>).length
// @ts-expect-error an engine of another model
titleOf(null as never as EngineOf<typeof till>)
defineModel({
  name: 't',
  events,
  projections: { todos },
  commands: {
    add: (_, { title }: { title: string }, { id }) => events.todoAdded({ id: id(), title }),
    // @ts-expect-error an input without a type would accept anything
    toggle: (_, { id }) => events.todoToggled({ id }),
  },
})
defineModel({
  name: 't',
  events: money,
  projections: {},
  // @ts-expect-error an event made by hand has the output of its schema, not the input
  commands: { byHand: () => ({ type: 'paid', data: { euro: 3 } }) },
})
// @ts-expect-error the internals of the log are not public
type Inside = import('tidemark').StoredEvent
// @ts-expect-error the internals of a model are not public
type Runtime = import('tidemark').EventTypesAtRuntime

export type { Inside, Runtime }
export { a, n, wrong }
