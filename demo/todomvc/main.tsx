import 'todomvc-app-css/index.css'
import '../ui/theme.css'
import '../ui/timeMachine.css'
import './todomvc.css'
import { openPage } from '../ui/openPage.tsx'
import { openTodos } from './engine.ts'
import { TodoApp } from './TodoApp.tsx'
import { undoTodos } from './undoTodos.ts'

await openPage(openTodos, (engine) => <TodoApp engine={engine} undo={undoTodos(engine)} />)
