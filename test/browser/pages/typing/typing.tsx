import { createRoot } from 'react-dom/client'
import { openEngine } from 'tidemark'
import { useRead } from 'tidemark/react'
import { app } from '../engine/model.ts'

const name = new URLSearchParams(location.search).get('name') ?? 'typing'
const engine = await openEngine(app, { name })
if (!engine.read.notes.has('note')) await engine.dispatch.add({ id: 'note', text: 'hello world' })

/** Controlled by a row: each keystroke is a command, what is shown is the fold of its event. */
function Field() {
  const text = useRead(engine, (read) => read.notes.get('note')?.text ?? '')
  return <input value={text} onChange={({ target }) => engine.dispatch.edit({ id: 'note', text: target.value })} />
}
createRoot(document.querySelector('#root') as HTMLElement).render(<Field />)

const typing = {
  /** Types in the middle of the input, as a keyboard does; value and caret after each character. */
  async type(at: number, text: string, pause: number) {
    const input = document.querySelector('input') as HTMLInputElement
    input.focus()
    input.setSelectionRange(at, at)
    const seen: [value: string, caret: number | null][] = []
    for (const character of text) {
      document.execCommand('insertText', false, character)
      await new Promise((resolve) => (pause ? setTimeout(resolve, pause) : requestAnimationFrame(resolve)))
      seen.push([input.value, input.selectionStart])
    }
    return seen
  },
  /** The same text as others see it. */
  text: () => engine.read.notes.get('note')?.text,
  pending: () => engine.status.pending,
}
declare global {
  interface Window {
    typing: typeof typing
  }
}
window.typing = typing
