// @vitest-environment jsdom
import 'fake-indexeddb/auto'
import { html, LitElement, type ReactiveControllerHost } from 'lit'
import type { EngineOf } from 'tidemark'
import { type AnyEngine, ReadController, StatusController } from 'tidemark/lit'
import { openTestEngine } from 'tidemark/testing'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { todoApp } from '../react/app.ts'

let engine: EngineOf<typeof todoApp>
let runs: string[]
beforeEach(async () => {
  engine = await openTestEngine(todoApp)
  await engine.dispatch.fill({ rows: 3 })
  runs = []
})
afterEach(async () => {
  document.body.replaceChildren()
  await engine.close()
})

type Read = EngineOf<typeof todoApp>['read']
const titleOf = (id: string, name: string) => (read: Read) => {
  runs.push(name)
  return read.todos.get(id)?.title
}

let elements = 0
const show = async <T extends LitElement>(element: new () => T): Promise<T> => {
  customElements.define(`lit-${elements++}`, element)
  const shown = document.body.appendChild(new element())
  await shown.updateComplete
  runs = []
  return shown
}
const textOf = (element: LitElement) => element.shadowRoot?.textContent?.trim()

test('a change runs each selector of a host once, in any order and with any other listeners of the engine', async () => {
  class Todo extends LitElement {
    readonly #before = new StatusController(this, engine)
    readonly #one = new ReadController(this, engine, titleOf('1', 'one'))
    readonly #both = new ReadController(this, engine, (read) => {
      runs.push('both')
      return `${this.#one.value} ${read.todos.size} ${this.#before.value.sequence} ${this.#after.value.sequence}`
    })
    readonly #after = new StatusController(this, engine)
    override render() {
      return html`${this.#one.value} ${this.#both.value} ${this.#before.value.pending}`
    }
  }
  const todo = await show(Todo)
  const sent = engine.dispatch.rename({ id: '1', title: 'changed' })
  await todo.updateComplete
  expect(runs.toSorted()).toEqual(['both', 'one'])
  expect(textOf(todo)).toBe(`changed changed 3 ${engine.status.sequence} ${engine.status.sequence} 1`)
  await sent
  await todo.updateComplete
  expect(textOf(todo)).toBe(`changed changed 3 ${engine.status.sequence} ${engine.status.sequence} 0`)
})

test('a selector sees every change of its host, at any time and of any kind', async () => {
  class Todo extends LitElement {
    static override properties = { todoId: { attribute: false } }
    declare todoId: string
    word = 'a'
    readonly row = new ReadController(this, engine, (read) => `${this.word} ${read.todos.get(this.todoId)?.title}`)
    derived: string | undefined
    constructor() {
      super()
      this.todoId = '0'
      this.addController({
        hostUpdate: () => {
          if (this.derived) this.todoId = this.derived
        },
      })
    }
    override render() {
      return html`${this.row.value}`
    }
  }
  const todo = await show(Todo)
  const shown = async () => {
    await todo.updateComplete
    return textOf(todo)
  }
  const titles = () => engine.read.todos.all().map(({ title }) => title)
  todo.todoId = '1'
  expect(await shown()).toBe(`a ${titles()[1]}`)
  // In the same tick as a change, before it and after it.
  todo.todoId = '2'
  const sent = engine.dispatch.rename({ id: '2', title: 'two' })
  expect(await shown()).toBe('a two')
  const later = engine.dispatch.rename({ id: '2', title: 'also two' })
  todo.todoId = '1'
  expect(await shown()).toBe(`a ${titles()[1]}`)
  // A field that requests an update before it changes.
  todo.requestUpdate()
  const last = engine.dispatch.rename({ id: '1', title: 'one' })
  todo.word = 'b'
  expect(await shown()).toBe('b one')
  // A property that the update itself changes.
  todo.derived = '2'
  const final = engine.dispatch.rename({ id: '1', title: 'another' })
  expect(await shown()).toBe('b also two')
  await Promise.all([sent, later, last, final])
})

test('a selector runs again if a value of another engine that it reads changed, and if it gets another engine', async () => {
  const other = await openTestEngine(todoApp)
  await other.dispatch.fill({ rows: 3 })
  class Todo extends LitElement {
    engine = engine
    readonly #others = new ReadController(this, other, titleOf('0', 'others'))
    readonly #both = new ReadController(
      this,
      () => this.engine,
      (read) => `${read.todos.get('1')?.title} of ${this.#others.value}`,
    )
    override render() {
      return html`${this.#both.value}`
    }
  }
  const todo = await show(Todo)
  await other.dispatch.rename({ id: '0', title: 'other' })
  await todo.updateComplete
  expect(textOf(todo)).toMatch(/ of other$/)
  await other.dispatch.rename({ id: '1', title: 'another' })
  // No update is requested.
  todo.engine = other
  await engine.dispatch.rename({ id: '1', title: 'not seen' })
  await todo.updateComplete
  expect(textOf(todo)).toBe('another of other')
  await other.close()
})

test('a host that is not an element of Lit may update without a request: a selector runs in each update', async () => {
  let id = '0'
  const host: ReactiveControllerHost = {
    addController: () => {},
    removeController: () => {},
    requestUpdate: () => {},
    updateComplete: Promise.resolve(true),
  }
  const row = new ReadController(host, engine as AnyEngine, (read: Read) => read.todos.get(id)?.id)
  row.hostConnected()
  expect(row.value).toBe('0')
  id = '1'
  row.hostUpdate()
  expect(row.value).toBe('1')
  row.hostDisconnected()
})
