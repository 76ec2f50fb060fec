import { mount } from 'svelte'
import { openEngine } from 'tidemark'
import App from './App.svelte'
import { shopping } from './shopping.ts'

// The engine is opened once, before the first render. All rows are there when its promise resolves.
openEngine(shopping, {
  worker: () => new SharedWorker(new URL('./shopping.worker.ts', import.meta.url), { type: 'module' }),
}).then((engine) => mount(App, { target: document.getElementById('app')!, props: { engine } }))
