import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import 'fake-indexeddb/auto'
import { map, from as rxFrom } from 'rxjs'
import { derived } from 'svelte/store'
import { deepEqual, type EngineOf, type ReadOf, select } from 'tidemark'
import { openTestEngine } from 'tidemark/testing'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { todoApp } from '../react/app.ts'

let engine: EngineOf<typeof todoApp>
/** The number of listeners of the engine. */
let listening = 0
/** The engine, with its listeners counted. */
let counted: Pick<EngineOf<typeof todoApp>, 'read' | 'subscribe'>
beforeEach(async () => {
  engine = await openTestEngine(todoApp)
  await engine.dispatch.fill({ rows: 3 })
  listening = 0
  counted = {
    get read() {
      return engine.read
    },
    subscribe(listener) {
      listening++
      const end = engine.subscribe(listener)
      return () => {
        listening--
        end()
      }
    },
  }
})
afterEach(() => engine.close())

const openOf = (read: ReadOf<typeof todoApp>) => read.todos.by('done', false)

test('calls its listener at once with the present value, and after each change in the same tick', async () => {
  const seen: number[] = []
  const end = select(engine, (read) => read.count.value).subscribe((value) => seen.push(value))
  expect(seen).toEqual([3])
  const sent = engine.dispatch.add({ id: 'x', title: '', list: 0 })
  expect(seen).toEqual([3, 4])
  await sent
  await engine.dispatch.toggle({ id: 'x' })
  expect(seen).toEqual([3, 4])
  end()
  await engine.dispatch.add({ id: 'y', title: '', list: 0 })
  expect(seen).toEqual([3, 4])
})

test('runs its function once for each change, for any number of listeners and reads', async () => {
  const fn = vi.fn(openOf)
  const open = select(engine, fn)
  for (let i = 0; i < 5; i++) open.subscribe(() => {})
  open.get()
  expect(fn).toHaveBeenCalledTimes(1)
  await engine.dispatch.toggle({ id: '0' })
  for (let i = 0; i < 5; i++) open.get()
  expect(fn).toHaveBeenCalledTimes(2)
  await engine.projected()
  expect(fn).toHaveBeenCalledTimes(2)
})

test('has no listener at the engine and does not run its function while it has no listeners itself', async () => {
  const fn = vi.fn(openOf)
  const open = select(counted, fn)
  expect([open.get().length, listening]).toEqual([3, 0])
  const ends = [open.subscribe(() => {}), open.subscribe(() => {})]
  expect(listening).toBe(1)
  for (const end of ends) end()
  for (const end of ends) end.unsubscribe()
  expect(listening).toBe(0)
  fn.mockClear()
  await engine.dispatch.toggle({ id: '0' })
  expect(fn).not.toHaveBeenCalled()
  expect(open.get()).toHaveLength(2)
  const again = open.subscribe(() => {})
  expect(listening).toBe(1)
  again()
  expect(listening).toBe(0)
})

test('keeps its value if the next one is equal', async () => {
  const titles = select(engine, (read) => read.todos.all().map(({ title }) => title))
  const pairs = select(engine, (read) => read.todos.all().map(({ id, title }) => ({ id, title })), deepEqual)
  const told = vi.fn()
  const last = [titles.get(), pairs.get()]
  titles.subscribe(told)
  pairs.subscribe(told)
  told.mockClear()
  await engine.dispatch.toggle({ id: '0' })
  expect(told).not.toHaveBeenCalled()
  expect(titles.get()).toBe(last[0])
  expect(pairs.get()).toBe(last[1])
  await engine.dispatch.rename({ id: '0', title: 'other' })
  expect(told.mock.calls).toEqual([[titles.get()], [pairs.get()]])
})

test('tells each listener the newest value, and no value twice, if a listener dispatches', async () => {
  const count = select(engine, (read) => read.count.value)
  const sent: Promise<unknown>[] = []
  const seen: number[][] = [[], []]
  count.subscribe((value) => {
    seen[0]!.push(value)
    if (value === 4) sent.push(engine.dispatch.add({ id: 'inner', title: '', list: 0 }))
  })
  count.subscribe((value) => seen[1]!.push(value))
  await engine.dispatch.add({ id: 'outer', title: '', list: 0 })
  await Promise.all(sent)
  expect(seen).toEqual([
    [3, 4, 5],
    [3, 5],
  ])
})

test('does not call a listener that another one has removed in the same round', async () => {
  const count = select(engine, (read) => read.count.value)
  const told = vi.fn()
  count.subscribe((value) => value === 4 && end())
  const end = count.subscribe(told)
  await engine.dispatch.add({ id: 'x', title: '', list: 0 })
  expect(told.mock.calls).toEqual([[3]])
})

test('get and subscribe throw what its function throws, and leave no listener', () => {
  const broken = select(counted, (read) => read.todos.get('none')!.title)
  expect(() => broken.get()).toThrow(TypeError)
  expect(() => broken.subscribe(() => {})).toThrow(TypeError)
  expect(listening).toBe(0)
})

test('does not keep a listener that throws at its first call', () => {
  const count = select(counted, (read) => read.count.value)
  expect(() =>
    count.subscribe(() => {
      throw new RangeError('mine')
    }),
  ).toThrow(RangeError)
  expect(listening).toBe(0)
})

test('reports a failure after a change to `error`, or to the page without it; the next change recovers', async () => {
  const reported: unknown[] = []
  vi.stubGlobal('reportError', (error: unknown) => reported.push(error))
  const title = select(engine, (read) => {
    const { done, title } = read.todos.get('0')!
    if (done) throw new RangeError('done')
    return title
  })
  const seen: unknown[] = []
  const told: unknown[] = []
  title.subscribe({ next: (value) => seen.push(value), error: (error) => seen.push(error) })
  title.subscribe((value) => told.push(value))
  await engine.dispatch.toggle({ id: '0' })
  await engine.dispatch.toggle({ id: '0' })
  expect(seen).toEqual(['title 0', new RangeError('done'), 'title 0'])
  expect(told[0]).toBe('title 0')
  expect(reported).toEqual([new RangeError('done')])
  vi.unstubAllGlobals()
})

test('keeps its last value when the engine closes', async () => {
  const count = select(counted, (read) => read.count.value)
  const told = vi.fn()
  const end = count.subscribe(told)
  await engine.close()
  expect(count.get()).toBe(3)
  expect(told).toHaveBeenCalledTimes(1)
  end()
})

test('is an observable for rxjs', async () => {
  const count = select(counted, (read) => read.count.value)
  const seen: number[] = []
  const subscription = rxFrom(count)
    .pipe(map((value) => value * 10))
    .subscribe((value) => seen.push(value))
  await engine.dispatch.add({ id: 'x', title: '', list: 0 })
  expect(seen).toEqual([30, 40])
  subscription.unsubscribe()
  expect(listening).toBe(0)
  await engine.dispatch.add({ id: 'y', title: '', list: 0 })
  expect(seen).toEqual([30, 40])
})

test('reports an error of the function to rxjs, which ends the subscription', async () => {
  const seen: unknown[] = []
  rxFrom(
    select(counted, (read) => read.todos.all().map(({ done }) => (done ? read.todos.get('-')!.id : ''))),
  ).subscribe({
    error: (error) => seen.push(error),
  })
  await engine.dispatch.toggle({ id: '0' })
  expect(seen).toEqual([expect.any(TypeError)])
  expect(listening).toBe(0)
})

test('is a store for Svelte', async () => {
  const double = derived(
    select(counted, (read) => read.count.value),
    (count: number) => count * 2,
  )
  const seen: number[] = []
  const end = double.subscribe((value) => seen.push(value))
  await engine.dispatch.add({ id: 'x', title: '', list: 0 })
  expect(seen).toEqual([6, 8])
  end()
  expect(listening).toBe(0)
})

test('is a source for `from` of Solid', async () => {
  // Node would get the build for servers, which has no reactivity. The other one comes without types of its own.
  const solid: typeof import('solid-js') = await import('solid-js/dist/solid.js' as string)
  const selection = select(counted, (read) => read.count.value)
  const [count, end] = solid.createRoot((dispose) => [solid.from<number>(selection), dispose] as const)
  expect(count()).toBe(3)
  await engine.dispatch.add({ id: 'x', title: '', list: 0 })
  expect(count()).toBe(4)
  end()
  expect(listening).toBe(0)
})

test('is found as an observable by both keys, if the symbol is there', () => {
  const { observable } = Symbol
  const polyfill = Symbol('observable')
  Object.defineProperty(Symbol, 'observable', { value: polyfill, configurable: true })
  const selection = select(counted, (read) => read.count.value) as unknown as Record<PropertyKey, () => unknown>
  Object.defineProperty(Symbol, 'observable', { value: observable, configurable: true })
  expect(selection[polyfill]!()).toBe(selection)
  expect(selection['@@observable']!()).toBe(selection)
})

test("is a source for Angular's toSignal, by rxjs' from", async () => {
  // Angular is installed in a workspace of its own.
  const { resolve } = createRequire(new URL('../frameworks/angular/package.json', import.meta.url))
  const angular = (name: string) => import(pathToFileURL(resolve(name)).href)
  const { toSignal } = await angular('@angular/core/rxjs-interop')
  const count = toSignal(rxFrom(select(engine, (read) => read.count.value)), {
    requireSync: true,
    manualCleanup: true,
  })
  expect(count()).toBe(3)
  const sent = engine.dispatch.add({ id: 'x', title: '', list: 0 })
  expect(count()).toBe(4)
  await sent
})
