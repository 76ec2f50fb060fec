import { openEngine } from 'tidemark'
import { NotesElement } from './NotesElement.ts'
import { notesApp } from './notes.ts'

async function start() {
  const engine = await openEngine(notesApp, {
    worker: () => new SharedWorker(new URL('./worker.ts', import.meta.url), { type: 'module' }),
  })
  const app = document.querySelector('app-notes') as NotesElement
  app.engine = engine
  customElements.define('app-notes', NotesElement)
}
start()
