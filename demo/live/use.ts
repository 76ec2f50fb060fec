import { openTodos } from './engine.ts'

const engine = await openTodos()

// The rows are there when the engine is.
engine.read.todos.all()

// Shown at once, on disk when it resolves.
await engine.dispatch.add({ title: 'Buy milk' })

// Rows changed, here or in another tab.
engine.subscribe(() => console.log(engine.read.todos.size))
