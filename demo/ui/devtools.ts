import type { Engine } from 'tidemark'

let engine: Engine<any, any, any> | undefined

/** Loads the devtools with the first call; a visitor who never asks for them pays nothing. */
export async function openDevtools(): Promise<void> {
  if (!engine) return
  // From now on the panel listens itself.
  removeEventListener('keydown', openByKey)
  const { mountDevtools } = await import('tidemark/devtools')
  await mountDevtools(engine, { open: true, button: false })
}

/** From now on, Ctrl+Shift+D opens the devtools of this engine. */
export function offerDevtools(opened: Engine<any, any, any>): void {
  engine = opened
  addEventListener('keydown', openByKey)
}

function openByKey(event: KeyboardEvent): void {
  if (!(event.ctrlKey && event.shiftKey && event.key.toLowerCase() === 'd')) return
  event.preventDefault()
  void openDevtools()
}
