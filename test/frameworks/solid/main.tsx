/** @jsxImportSource solid-js */
import { render } from 'solid-js/web'
import { openEngine } from 'tidemark'
import { Board } from './Board.tsx'
import { boardApp } from './board.ts'

async function start() {
  const engine = await openEngine(boardApp, {
    worker: () => new SharedWorker(new URL('./worker.ts', import.meta.url), { type: 'module' }),
  })
  render(() => <Board engine={engine} />, document.querySelector('#app') as HTMLElement)
}
start()
