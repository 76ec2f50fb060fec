import { showPanel } from './panel.ts'
import { connectTries } from './tries.ts'

const panel = document.querySelector<HTMLElement>('.live-panel')!
await showPanel(panel)
connectTries()
