import { createRoot } from 'react-dom/client'
import { openEngine } from 'tidemark'
import { EngineProvider } from 'tidemark/react'
import { undoStack } from 'tidemark/tools'
import { Expenses } from './Expenses.tsx'
import { expensesApp } from './expenses.ts'

async function start() {
  const engine = await openEngine(expensesApp, {
    worker: () => new SharedWorker(new URL('./worker.ts', import.meta.url), { type: 'module' }),
  })
  const undo = undoStack(engine, {
    remove: ({ input: { id }, before }) => {
      const expense = before.expenses.get(id)
      return expense && expensesApp.events.expenseAdded(expense)
    },
  })
  createRoot(document.querySelector('#app') as HTMLElement).render(
    <EngineProvider engine={engine}>
      <Expenses undo={undo} />
    </EngineProvider>,
  )
}
start()
