import { openEngine } from 'tidemark'
import { todoApp } from './todos.ts'

export const start = async (worker: () => SharedWorker): Promise<void> => {
  const engine = await openEngine(todoApp, { worker })
  const show = () => {
    document.body.textContent = engine.read.todos
      .all()
      .map(({ title }) => title)
      .join(', ')
  }
  engine.subscribe(show)
  show()
  await engine.dispatch.add({ title: 'Buy milk' })
  await engine.projected()
  document.title = 'persisted'
}
