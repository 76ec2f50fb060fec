import { openEngine } from 'tidemark'
import { todoApp } from './todos.ts'

const engine = await openEngine(todoApp, {
  worker: () => new SharedWorker(new URL('./worker.ts', import.meta.url), { type: 'module' }),
})
const list = document.querySelector('#todos') as HTMLElement
const draw = () => {
  list.textContent = engine.read.todos
    .all()
    .map(({ title }) => title)
    .join(', ')
}
engine.subscribe(draw)
draw()
