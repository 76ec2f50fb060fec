/** @jsxImportSource preact */
import { render } from 'preact'
import { openEngine } from 'tidemark'
import { Scores } from './Scores.tsx'
import { scoresApp } from './scores.ts'

async function start() {
  const engine = await openEngine(scoresApp, {
    worker: () => new SharedWorker(new URL('./worker.ts', import.meta.url), { type: 'module' }),
  })
  render(<Scores engine={engine} />, document.querySelector('#app') as HTMLElement)
}
start()
