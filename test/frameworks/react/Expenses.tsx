import type { FormEvent } from 'react'
import { CommandRejected, deepEqual } from 'tidemark'
import { useCommand, useEngine, useRead, useUndo } from 'tidemark/react'
import type { UndoStack } from 'tidemark/tools'
import { type Expense, expensesApp } from './expenses.ts'

const money = new Intl.NumberFormat('en', { style: 'currency', currency: 'EUR' })
const categories = ['Food', 'Home', 'Travel']

export function Expenses({ undo }: { undo: UndoStack<any> }) {
  const engine = useEngine(expensesApp)
  const expenses = useRead(engine, (read) => read.expenses.all())
  return (
    <main>
      <h1>Expenses</h1>
      <AddExpense />
      <Totals />
      <Undo undo={undo} />
      <ul>
        {expenses.map((expense) => (
          <Row key={expense.id} expense={expense} />
        ))}
      </ul>
    </main>
  )
}

function AddExpense() {
  const { dispatch, pending, error } = useCommand(useEngine(expensesApp), 'add')
  const add = async (submitted: FormEvent<HTMLFormElement>) => {
    submitted.preventDefault()
    const form = submitted.currentTarget
    const { title = '', amount, category = '' } = Object.fromEntries(new FormData(form)) as Record<string, string>
    const cents = Math.round(Number(amount) * 100)
    if (await dispatch({ title, cents, category })) form.reset()
  }
  return (
    <form onSubmit={add} aria-busy={pending}>
      <label>
        What <input name="title" required autoComplete="off" />
      </label>
      <label>
        Amount <input name="amount" type="number" step="0.01" required />
      </label>
      <label>
        Category{' '}
        <select name="category">
          {categories.map((category) => (
            <option key={category}>{category}</option>
          ))}
        </select>
      </label>
      <button type="submit">Add</button>
      {error && (
        <p role="alert">{error instanceof CommandRejected ? 'An expense is more than nothing.' : error.message}</p>
      )}
    </form>
  )
}

/** Renders only if a total changed. `deepEqual` compares the totals, because the selector makes new objects in each run. */
function Totals() {
  const totals = useRead(
    useEngine(expensesApp),
    (read) =>
      categories.map((category) => ({
        category,
        cents: read.expenses.by('category', category).reduce((sum, { cents }) => sum + cents, 0),
      })),
    deepEqual,
  )
  return (
    <dl>
      {totals.map(({ category, cents }) => (
        <div key={category}>
          <dt>{category}</dt>
          <dd>{money.format(cents / 100)}</dd>
        </div>
      ))}
    </dl>
  )
}

function Row({ expense: { id, title, cents, category } }: { expense: Expense }) {
  const engine = useEngine(expensesApp)
  return (
    <li>
      {title}, {money.format(cents / 100)}, {category}{' '}
      <button type="button" onClick={() => engine.dispatch.remove({ id })} aria-label={`Remove ${title}`}>
        Remove
      </button>
    </li>
  )
}

function Undo({ undo }: { undo: UndoStack<any> }) {
  const { canUndo, canRedo, ...stack } = useUndo(undo)
  return (
    <p>
      <button type="button" onClick={() => stack.undo()} disabled={!canUndo}>
        Undo
      </button>
      <button type="button" onClick={() => stack.redo()} disabled={!canRedo}>
        Redo
      </button>
    </p>
  )
}
