// @vitest-environment jsdom
import 'fake-indexeddb/auto'
import { defineEvents, defineModel, type EngineOf } from 'tidemark'
import { openTestEngine } from 'tidemark/testing'
import { provideEngine, useEngine, useRead, useStatus } from 'tidemark/vue'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createApp, createSSRApp, effectScope, h, isReactive, nextTick, ref, shallowRef } from 'vue'
import { todoApp } from '../react/app.ts'

let engine: EngineOf<typeof todoApp>
let page: HTMLElement
const warn = vi.spyOn(console, 'warn')
beforeEach(async () => {
  engine = await openTestEngine(todoApp)
  await engine.dispatch.fill({ rows: 3 })
  page = document.body.appendChild(document.createElement('div'))
  warn.mockClear()
})
afterEach(async () => {
  page.remove()
  await engine.close()
  expect(warn).not.toHaveBeenCalled()
})

describe('useRead', () => {
  test('is a read-only computed ref; rows stay as they are', async () => {
    const scope = effectScope()
    const todos = scope.run(() => useRead(engine, (read) => read.todos.all()))!
    expect(todos.value).toBe(engine.read.todos.all())
    expect(isReactive(todos.value[0])).toBe(false)
    await engine.dispatch.toggle({ id: '0' })
    expect(todos.value[0]).toMatchObject({ done: true })
    scope.stop()
  })

  test('tracks refs that `select` reads, and runs once for each change', async () => {
    const scope = effectScope()
    const list = ref(0)
    const select = vi.fn((read: typeof engine.read) => read.todos.by('list', list.value))
    const todos = scope.run(() => useRead(engine, select))!
    expect(todos.value.map(({ id }) => id)).toEqual(['0'])
    list.value = 2
    expect(todos.value.map(({ id }) => id)).toEqual(['2'])
    expect(select).toHaveBeenCalledTimes(2)
    await engine.dispatch.rename({ id: '2', title: 'x' })
    expect(todos.value[0]?.title).toBe('x')
    expect(todos.value[0]?.title).toBe('x')
    expect(select).toHaveBeenCalledTimes(3)
    scope.stop()
  })

  test('ends with its scope', async () => {
    const scope = effectScope()
    const count = scope.run(() => useRead(engine, (read) => read.count.value))!
    expect(count.value).toBe(3)
    scope.stop()
    await engine.dispatch.add({ id: 'x', title: '', list: 0 })
    expect(count.value).toBe(3)
  })

  test('reads the engine of a ref, and the next engine as soon as the ref has it', async () => {
    const other = await openTestEngine(todoApp)
    const current = shallowRef(engine)
    const scope = effectScope()
    const [count, status] = scope.run(
      () => [useRead(current, (read) => read.count.value), useStatus(current)] as const,
    )!
    expect([count.value, status.value.sequence]).toEqual([3, 3])
    current.value = other
    expect([count.value, status.value.sequence]).toEqual([0, 0])
    await engine.dispatch.add({ id: 'x', title: '', list: 0 })
    expect(count.value).toBe(0)
    await other.dispatch.fill({ rows: 1 })
    expect([count.value, status.value.sequence]).toEqual([1, 1])
    scope.stop()
    await other.close()
  })
})

test('hydration first shows what the server rendered, without a warning, and then the rows at once', async () => {
  const App = () => {
    const titles = useRead(engine, (read) => read.todos.all().map(({ title }) => title))
    const status = useStatus(engine)
    return () =>
      h('p', { class: status.value.storage }, [
        `${status.value.sequence}`,
        ...titles.value.map((title) => h('b', title)),
      ])
  }
  page.innerHTML = '<p class="memory"><!--[-->0<!--]--></p>'.replace(/<!--.{1,2}-->/g, '')
  const error = vi.spyOn(console, 'error').mockImplementation(() => {})
  const app = createSSRApp({ setup: App })
  app.mount(page)
  await nextTick()
  expect(page.textContent).toBe('3title 0title 1title 2')
  expect(error).not.toHaveBeenCalled()
  error.mockRestore()
  app.unmount()
})

test('hydration begins with `server` if the server had rows', async () => {
  page.innerHTML = '<p>two</p>'
  const seen: string[] = []
  const app = createSSRApp({
    setup() {
      const text = useRead(engine, (read) => read.todos.get('0')?.title, { server: 'two' })
      return () => {
        seen.push(text.value!)
        return h('p', text.value)
      }
    },
  })
  app.mount(page)
  await nextTick()
  expect(seen).toEqual(['two', 'title 0'])
  expect(page.textContent).toBe('title 0')
  app.unmount()
})

describe('useEngine', () => {
  const Count = {
    setup() {
      const count = useRead(useEngine(todoApp), (read) => read.count.value)
      return () => h('b', count.value)
    },
  }

  test('gives the engine that the app or a parent provides', async () => {
    const other = await openTestEngine(todoApp)
    const Inner = {
      setup() {
        provideEngine(other)
        return () => h(Count)
      },
    }
    const app = provideEngine(
      engine,
      createApp(() => [h(Count), h(Inner)]),
    )
    app.mount(page)
    expect(page.textContent).toBe('30')
    app.unmount()
    await other.close()
  })

  test('without an engine it says what to do, also next to an engine of another model', async () => {
    const events = defineEvents({})
    const other = await openTestEngine(defineModel({ name: 'other', events, projections: {}, commands: {} }))
    const app = provideEngine(other, createApp(Count))
    app.config.errorHandler = (error) => {
      throw error
    }
    expect(() => app.mount(page)).toThrow(/no.*engine of the model "todos".*provideEngine/)
    warn.mockClear()
    await other.close()
  })
})
