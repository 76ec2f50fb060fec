import { type KeyboardEvent, useState } from 'react'
import { useRead } from 'tidemark/react'
import { StatusLine } from '../ui/StatusLine.tsx'
import type { TodoEngine } from './engine.ts'
import { PastTodos } from './PastTodos.tsx'
import { Reminders } from './Reminders.tsx'
import { TodoItem } from './TodoItem.tsx'
import { inPlace } from './todos.ts'
import { UndoBar } from './UndoBar.tsx'
import type { TodoUndo } from './undoTodos.ts'
import { type Filter, useFilter } from './useFilter.ts'

interface Props {
  readonly engine: TodoEngine
}

export function TodoApp({ engine, undo }: Props & { readonly undo: TodoUndo }) {
  const total = useRead(engine, (read) => read.todos.size)
  return (
    <>
      <main id="content">
        <section className="todoapp">
          <Reminders engine={engine} />
          <header className="header">
            <h1>todos</h1>
            <NewTodo engine={engine} />
          </header>
          {total > 0 && <TodoList engine={engine} />}
          {total > 0 && <Footer engine={engine} />}
        </section>
        <UndoBar undo={undo} />
        <PastTodos engine={engine} />
      </main>
      <footer className="info">
        <p>Double-click to edit a todo</p>
        <p>
          <a href={location.pathname} target="_blank" rel="noopener">
            Open this list in a second tab
          </a>
        </p>
        <p>
          Made with <a href="../">Tidemark</a>, by the specification of <a href="https://todomvc.com">TodoMVC</a>
        </p>
      </footer>
      <StatusLine engine={engine} />
    </>
  )
}

function NewTodo({ engine }: Props) {
  const [title, setTitle] = useState('')
  const add = (pressed: KeyboardEvent): void => {
    if (pressed.key !== 'Enter' || pressed.nativeEvent.isComposing || !title.trim()) return
    engine.dispatch.add({ title })
    setTitle('')
  }
  return (
    <input
      className="new-todo"
      placeholder="What needs to be done?"
      aria-label="What needs to be done?"
      // biome-ignore lint/a11y/noAutofocus: the specification asks for it, and the page is this input
      autoFocus
      value={title}
      onChange={(change) => setTitle(change.target.value)}
      onKeyDown={add}
    />
  )
}

function TodoList({ engine }: Props) {
  const filter = useFilter()
  const todos = useRead(engine, ({ todos }) =>
    inPlace(filter === 'all' ? todos.all() : todos.by('completed', filter === 'completed')),
  )
  const allCompleted = useRead(engine, ({ todos }) => todos.by('completed', false).length === 0)
  return (
    <section className="main">
      <input
        id="toggle-all"
        className="toggle-all"
        type="checkbox"
        checked={allCompleted}
        onChange={(change) => engine.dispatch.markAll({ completed: change.target.checked })}
      />
      <label htmlFor="toggle-all">Mark all as complete</label>
      <ul className="todo-list">
        {todos.map((todo) => (
          <TodoItem key={todo.id} engine={engine} todo={todo} />
        ))}
      </ul>
    </section>
  )
}

function Footer({ engine }: Props) {
  const active = useRead(engine, ({ todos }) => todos.by('completed', false).length)
  const completed = useRead(engine, ({ todos }) => todos.by('completed', true).length)
  return (
    <footer className="footer">
      <span className="todo-count">
        <strong>{active}</strong> {active === 1 ? 'item' : 'items'} left
      </span>
      <ul className="filters">
        <FilterLink filter="all" href="#/" text="All" />
        <FilterLink filter="active" href="#/active" text="Active" />
        <FilterLink filter="completed" href="#/completed" text="Completed" />
      </ul>
      {completed > 0 && (
        <button type="button" className="clear-completed" onClick={() => engine.dispatch.clearCompleted()}>
          Clear completed
        </button>
      )}
    </footer>
  )
}

function FilterLink({ filter, href, text }: { readonly filter: Filter; readonly href: string; readonly text: string }) {
  const selected = useFilter() === filter
  return (
    <li>
      <a className={selected ? 'selected' : undefined} aria-current={selected ? 'page' : undefined} href={href}>
        {text}
      </a>
    </li>
  )
}
