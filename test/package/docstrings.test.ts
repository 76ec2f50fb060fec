import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { compile } from 'svelte/compiler'
import { expect, it } from 'vitest'
import { withImports } from './readme.ts'
import { root, run } from './run.ts'

const src = join(root, 'src')
const folder = join(root, 'build/docstrings')

/** The fenced examples in the comments of a source. */
const examplesIn = (code: string): { readonly language: string; readonly example: string }[] =>
  [...code.matchAll(/^[ \t]*\/\*\*[\s\S]*?\*\//gm)].flatMap(([comment]) => {
    const text = comment.replace(/^[ \t]*\/?\*+\/?[ ]?/gm, '')
    return [...text.matchAll(/^```(tsx?|svelte)\n([\s\S]*?)^```/gm)].map(([, language = '', example = '']) => ({
      language,
      example,
    }))
  })

/** The app of the examples. */
const todos = `import { draft } from 'tidemark/drafts'
import { defineEvents, defineModel, event, projection, reject, table, value } from 'tidemark'

export interface Todo { id: string; list?: string; title: string; done: boolean }
export const events = defineEvents({
  todoAdded: event<{ id: string; title: string }>(),
  todoRenamed: event<{ id: string; title: string }>(),
  todoToggled: event<{ id: string }>(),
  todoRemoved: event<{ id: string }>(),
  doneCleared: event(),
})
const todos = projection(events, {
  into: table<Todo>('id'),
  by: { doneCleared: () => ({ done: true }) },
  evolve: { todoAdded: (_, { data }) => ({ ...data, done: false }) },
})
const search = projection(events, { into: table<Todo>('id', { resident: false, indexes: ['title'] }), evolve: {} })
const count = projection(events, { into: value(0), evolve: { todoAdded: (n) => n + 1 } })
export const todoApp = defineModel({
  name: 'todos',
  events,
  projections: { todos, search, count },
  commands: {
    add: (_, { title }: { title: string }, { id }) => events.todoAdded({ id: id(), title }),
    rename: (_, input: { id: string; title: string }) => events.todoRenamed(input),
    toggle: ({ todos }, { id }: { id: string }) => (todos.has(id) ? events.todoToggled({ id }) : reject('todo-not-found')),
    clearDone: ({ todos }) => (todos.by('done', true).length ? events.doneCleared() : []),
    signUp: (_, { title }: { title: string }, { id }) => events.todoAdded({ id: id(), title }),
    addMessage: (_, { id, text }: { id: string; threadId: string; text: string }) => events.todoAdded({ id, title: text }),
    interruptTurn: (_, { id, text }: { id: string; text: string }) => events.todoAdded({ id, title: text }),
  },
  drafts: { reply: draft<{ threadId: string }>() },
})
`
/** Functions of the package that examples use without importing them. */
const exported: Record<string, string> = {
  tidemark: 'select shallowEqual deepEqual',
  'tidemark/drafts': 'draft DraftOver',
  'tidemark/react': 'EngineProvider useCommand useDraft useUndo',
  'tidemark/devtools': 'mountDevtools defineDevtools',
  'tidemark/testing': 'memoryRemote',
  'tidemark/tools':
    'archive at deadLetters destroy exportLog importLog openTable performanceTrack persist preview resumeMirror spans undoStack verify',
}
/** Files for the sources only. Their examples do not import the package. */
const OTHERS = ['load.ts', 'slices.ts']
/** The imports of the file around an example of a binding. */
const around: Record<string, string> = {
  'angular.ts': `import { computed, input } from '@angular/core'
import { injectDraft, injectRead, injectStatus } from 'tidemark/angular'`,
  'lit.ts': `import { html, LitElement } from 'lit'
import { DraftController, ReadController, StatusController } from 'tidemark/lit'`,
  'preact.ts': `import { useDraft, useRead, useStatus } from 'tidemark/preact'`,
  'solid.ts': `import { For } from 'solid-js'
import { createDraft, createRead, createStatus } from 'tidemark/solid'`,
  'svelte.ts': `import { fromDraft, fromRead, fromStatus } from 'tidemark/svelte'`,
  'vue.ts': `import { computed, createApp, ref } from 'vue'
import { provideEngine, useDraft, useEngine, useRead, useStatus } from 'tidemark/vue'`,
}

/** The first line of an example whose JSX is not that of React. */
const jsx: Record<string, string> = {
  'preact.ts': '/** @jsxImportSource preact */\n',
  'solid.ts': '/** @jsxImportSource solid-js */\n',
}

/** The script of a Svelte component, with the expressions that its markup reads. Throws if Svelte's compiler rejects the component. */
function scriptOf(component: string): string {
  compile(component, { generate: 'client' })
  const [, script = '', markup = ''] = /^<script>\n([\s\S]*?)<\/script>\n([\s\S]*)/.exec(component) ?? []
  const read = [...markup.matchAll(/(?<=\{(?:#each )?)\w+\.current[\w.?]*/g)].map(
    ([expression]) => `show(${expression})\n`,
  )
  expect(read.length, component).toBeGreaterThan(0)
  return `${script}${read.join('')}`
}

/** Names that examples use without an import. */
const ambient = `import type { EngineOf } from 'tidemark'
import type { todoApp } from './todos.ts'
declare global {
${Object.entries(exported)
  .flatMap(([from, names]) => names.split(' ').map((name) => `  const ${name}: typeof import('${from}').${name}`))
  .join('\n')}
  const createRoot: typeof import('react-dom/client').createRoot
  const render: (page: import('react').ReactNode) => void
  const todos: typeof import('./todos.ts').todoApp['projections']['todos']
  const button: HTMLButtonElement
  const worker: () => SharedWorker
  const todoApp: typeof import('./todos.ts').todoApp
  const expect: typeof import('vitest').expect
  const index: { position(): Promise<number>; add(event: unknown): Promise<void> }
  const tracer: {
    startSpan(name: string, options: object): { recordException(error: Error): void; end(at: number): void }
  }
  const stack: import('tidemark/tools').UndoStack<any>
  const file: Blob
  const handle: FileSystemFileHandle
  const id: string
  const threadId: string
  const answer: AsyncIterable<string>
  const messages: typeof import('./todos.ts').todoApp['projections']['todos']
  const commands: {}
  const props: { readonly id: string }
  const title: string
  const tags: readonly string[]
  const page: HTMLElement
  const form: { title: string }
  const show: (...shown: unknown[]) => void
  const App: () => null
  type Todo = import('./todos.ts').Todo
  type Read = EngineOf<typeof todoApp>['read']
}
export {}
`

it('every example of a docstring compiles', () => {
  rmSync(folder, { recursive: true, force: true })
  const write = (file: string, text: string) => {
    mkdirSync(dirname(join(folder, file)), { recursive: true })
    writeFileSync(join(folder, file), text)
  }
  write('todos.ts', todos)
  write('TodoList.tsx', 'export const TodoList = () => null\n')
  write('ambient.d.ts', ambient)
  let written = 0
  const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((name) => /\.tsx?$/.test(name))
  for (const file of files.filter((name) => !OTHERS.includes(name))) {
    examplesIn(readFileSync(join(src, file), 'utf8')).forEach(({ language, example }, i) => {
      written++
      const code = language === 'svelte' ? scriptOf(example) : example
      const whole = /^return\b/m.test(code) ? `export function Example() {\n${code}}\n` : code
      write(
        `${file.replaceAll(/\W+/g, '-')}-${i + 1}.${language === 'svelte' ? 'ts' : language}`,
        `${jsx[file] ?? ''}${withImports(`${around[file] ?? ''}\n${whole}`)}`,
      )
    })
  }
  expect(written).toBeGreaterThan(30)
  write(
    'tsconfig.json',
    JSON.stringify({
      extends: '../../tsconfig.json',
      compilerOptions: {
        allowJs: false,
        checkJs: false,
        noUnusedLocals: false,
        paths: { tidemark: ['../../src/index.ts'], 'tidemark/*': ['../../src/*.ts'] },
      },
      include: ['.', '../../src/env.d.ts'],
    }),
  )
  expect(() => run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', folder])).not.toThrow()
})
