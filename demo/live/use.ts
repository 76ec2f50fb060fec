import { openTodos } from './engine.ts'

const engine = await openTodos()

// The rows can be read as soon as the engine is open.
engine.read.todos.all()

// The todo is shown at once. It is on disk when the promise resolves.
await engine.dispatch.add({ title: 'Buy milk' })

// Called when rows changed, here or in another tab.
engine.subscribe(() => console.log(engine.read.todos.size))
