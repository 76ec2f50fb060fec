import { openEngine } from 'tidemark'
import { type RowsEngine, rowsModel } from './model.ts'
import { until } from './wait.ts'

/** The value of the option `server`: what the rows are on the server. */
export const SERVED: readonly string[] = ['of the server']
export const titles = (read: RowsEngine['read']): readonly string[] => read.rows.all().map(({ title }) => title)

const page = (): HTMLElement => document.getElementById('page') as HTMLElement
/** The element with the rendered content. Lit renders into the shadow root of an element on the server. */
const content = (): ParentNode => page().firstElementChild?.shadowRoot ?? page()
const textOf = (selector: string): string[] =>
  [...content().querySelectorAll(selector)].map((element) => element.textContent?.trim() ?? '')
const shown = () => ({ sequence: textOf('[data-sequence]'), rows: textOf('li'), served: textOf('[data-served]') })
/** Waits until the sequence and all lists of the page show the state of the engine. */
async function upToDate({ read, status }: RowsEngine): Promise<ReturnType<typeof shown>> {
  const isShown = (): boolean => {
    const { sequence, rows, served } = shown()
    const lists = [rows.join(), ...served]
    return sequence[0] === `${status.sequence}` && lists.every((list) => list === titles(read).join())
  }
  await until(isShown, true)
  return shown()
}

/** Hydrates the HTML of the server with an engine that has rows, and puts what the page shows into `window.hydration`. */
export async function runHydration(hydrate: (page: HTMLElement, engine: RowsEngine) => unknown): Promise<void> {
  const engine = await openEngine(rowsModel, { storage: 'memory' })
  await engine.dispatch.fill({ rows: 2, label: 'row' })
  const elements = [...content().querySelectorAll('*')]
  const html = shown()
  await hydrate(page(), engine)
  const hydrated = await upToDate(engine)
  await engine.dispatch.rename({ id: '1', title: 'changed' })
  const changed = await upToDate(engine)
  const kept = elements.filter((element) => element.isConnected).length
  window.hydration = { html, hydrated, changed, elements: elements.length, kept }
}

declare global {
  interface Window {
    hydration: {
      /** The text of the page: as rendered by the server, after hydration, and after a change. */
      readonly html: ReturnType<typeof shown>
      readonly hydrated: ReturnType<typeof shown>
      readonly changed: ReturnType<typeof shown>
      /** Elements that the server made, and how many of them are still in the page. */
      readonly elements: number
      readonly kept: number
    }
  }
}
