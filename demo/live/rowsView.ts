import { element } from './element.ts'
import type { Todo } from './todos.ts'

export interface RowsView {
  readonly element: HTMLElement
  show(todos: readonly Readonly<Todo>[], past: boolean): void
}

interface Row {
  readonly line: HTMLElement
  readonly toggle: HTMLInputElement
  shown: Readonly<Todo>
}

/** Shows the rows in their order. A row that did not change is the same object, so only changed rows are drawn again. */
export function createRowsView(on: { toggle(id: string): void; remove(id: string): void }): RowsView {
  const list = element('ul', { className: 'live-rows' })
  const empty = element('p', { className: 'live-empty' }, 'There are no rows after these events.')
  const rows = new Map<string, Row>()

  const create = (todo: Readonly<Todo>): Row => {
    const { id, title } = todo
    const toggle = element('input', { type: 'checkbox' })
    toggle.addEventListener('change', () => on.toggle(id))
    const remove = element('button', { type: 'button', className: 'live-remove', ariaLabel: `Remove ${title}` }, '×')
    remove.addEventListener('click', () => {
      // The button is removed with its row, so the focus moves to the row beside it.
      const beside = line.nextElementSibling ?? line.previousElementSibling
      beside?.querySelector('input')?.focus()
      on.remove(id)
    })
    const line = element('li', {}, element('label', {}, toggle, element('span', {}, title)), remove)
    return { line, toggle, shown: todo }
  }

  return {
    element: element('div', {}, list, empty),
    show(todos, past) {
      const wanted = new Set(todos.map(({ id }) => id))
      for (const [id, { line }] of rows)
        if (!wanted.has(id)) {
          line.remove()
          rows.delete(id)
        }
      todos.forEach((todo, index) => {
        const row = rows.get(todo.id) ?? create(todo)
        if (row.shown !== todo) {
          row.shown = todo
          flash(row.line)
        }
        rows.set(todo.id, row)
        row.toggle.checked = todo.done
        row.toggle.disabled = past
        if (list.children[index] !== row.line) list.insertBefore(row.line, list.children[index] ?? null)
      })
      list.toggleAttribute('data-past', past)
      empty.hidden = todos.length > 0
    },
  }
}

/** Milliseconds for which a changed row is tinted. */
const FLASH_MS = 900

function flash(line: HTMLElement): void {
  line.dataset.changed = ''
  setTimeout(() => delete line.dataset.changed, FLASH_MS)
}
