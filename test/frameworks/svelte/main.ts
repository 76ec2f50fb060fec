import { mount } from 'svelte'
import { openEngine } from 'tidemark'
import Habits from './Habits.svelte'
import { habitsApp } from './habits.ts'

async function start() {
  const engine = await openEngine(habitsApp, {
    worker: () => new SharedWorker(new URL('./worker.ts', import.meta.url), { type: 'module' }),
  })
  mount(Habits, { target: document.querySelector('#app') as HTMLElement, props: { engine } })
}
start()
