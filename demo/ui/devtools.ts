import type { Engine } from 'tidemark'
import type { Description } from './describeStatus.ts'

let engine: Engine<any, any, any> | undefined
let failure: Description | undefined
const listeners = new Set<() => void>()

/** The reason why the devtools could not be opened. The next attempt clears it. For `useSyncExternalStore`. */
export const devtoolsFailure = {
  get: (): Description | undefined => failure,
  subscribe(listener: () => void): () => void {
    listeners.add(listener)
    return () => void listeners.delete(listener)
  },
}

/** Opens the devtools. The first call loads them, so visitors who do not open them download nothing. */
export async function openDevtools(): Promise<void> {
  if (!engine) return
  setFailure(undefined)
  try {
    const { mountDevtools } = await import('tidemark/devtools')
    await mountDevtools(engine, { open: true, button: false })
    // From now on, the panel itself listens to the key.
    removeEventListener('keydown', openByKey)
  } catch (error) {
    setFailure({ tone: 'careful', sentence: 'The devtools could not be loaded. Try again, or reload the page.' })
    console.error(error)
  }
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

function setFailure(next: Description | undefined): void {
  failure = next
  for (const listener of listeners) listener()
}
