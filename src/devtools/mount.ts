import type { Engine } from '../engine/types.ts'
import { part } from '../load.ts'

const panel = part('devtools', () => import('./element.ts'))

/** Where and how the panel is shown. */
export interface DevtoolsOptions {
  /** Shows the panel at once. `false` by default. */
  readonly open?: boolean | undefined
  /** Whether a small button at the foot of the page opens the panel. `true` by default. Ctrl+Shift+D opens the panel in any case. */
  readonly button?: boolean | undefined
}

/** The panel in this page. */
export interface Devtools {
  /** Opens the panel. */
  show(): void
  /** Closes the panel. */
  hide(): void
  /** Removes the panel from the page. */
  remove(): void
}

/**
 * Defines the element `<tidemark-devtools>`, which shows the engine in its property `engine`. `mountDevtools` calls this function.
 * @example
 * ```ts
 * await defineDevtools()
 * const panel = Object.assign(document.createElement('tidemark-devtools'), { engine, open: true })
 * document.body.append(panel)
 * ```
 *
 * Rejects with `StorageError('unavailable')` if the code of the panel can't be loaded.
 */
export async function defineDevtools(): Promise<void> {
  const { defineElements } = await panel.load()
  defineElements()
}

/**
 * Adds a panel to the page that shows an engine: its log, rows, past, commands, projections, tabs, storage and health.
 * @example
 * ```ts
 * addEventListener('keydown', async function open({ ctrlKey, shiftKey, key }) {
 *   if (!(ctrlKey && shiftKey && key === 'D')) return
 *   const { mountDevtools } = await import('tidemark/devtools')
 *   await mountDevtools(engine, { open: true })
 *   removeEventListener('keydown', open) // from now on the panel listens itself
 * })
 * ```
 *
 * Called again for the same engine, it returns the same panel, and opens it if `open` is true. The panel works under
 * `default-src 'self'` and with Trusted Types, in production too. It shows what people wrote: do not offer it to anyone who may not see that.
 * Rejects with `ModelError` if the argument is not an engine, and with `StorageError('unavailable')` if its code can't be loaded.
 */
export async function mountDevtools(
  engine: Engine<any, any, any>,
  { open = false, button = true }: DevtoolsOptions = {},
): Promise<Devtools> {
  await defineDevtools()
  const all = document.querySelectorAll<Element & Partial<Mounted>>('tidemark-devtools')
  const known = [...all].find((one) => one.engine === engine)
  const element = known ?? Object.assign(document.createElement('tidemark-devtools'), { engine, button, open })
  if (!known) document.body.append(element)
  if (open) element.open = true
  return {
    show() {
      element.open = true
    },
    hide() {
      element.open = false
    },
    remove() {
      element.remove()
    },
  }
}

interface Mounted extends HTMLElement {
  engine: Engine<any, any, any>
  open: boolean
}
