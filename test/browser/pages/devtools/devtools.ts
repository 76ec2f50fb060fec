import { type EngineOf, type OpenOptions, openEngine } from 'tidemark'
import { app } from './model.ts'
import workerUrl from './worker.ts?sharedworker&url'

type Policy = { createScriptURL(url: string): URL }
/** The policy that this page's header asks for. */
const policy = (
  globalThis as { trustedTypes?: { createPolicy(name: string, rules: object): Policy } }
).trustedTypes?.createPolicy('page', { createScriptURL: (url: string) => url })
const scriptUrl = policy ? policy.createScriptURL(workerUrl) : workerUrl

/** Every element of the page, those in shadow roots too. */
function* everyElement(root: Document | ShadowRoot): Generator<Element> {
  for (const element of root.querySelectorAll('*')) {
    yield element
    if (element.shadowRoot) yield* everyElement(element.shadowRoot)
  }
}

const roots = function* (): Generator<Document | ShadowRoot> {
  yield document
  for (const { shadowRoot } of everyElement(document)) if (shadowRoot) yield shadowRoot
}

const frame = (): Promise<unknown> => new Promise(requestAnimationFrame)

/** A page that opens a log, fills it, and mounts the devtools when it is asked to. */
export const page = {
  name: '',
  engine: undefined as EngineOf<ReturnType<typeof app>> | undefined,
  async open(name: string, poison?: string, options: OpenOptions = {}): Promise<void> {
    page.name = `tidemark:${name}`
    page.engine = await openEngine(app(poison), {
      name,
      worker: () => new SharedWorker(scriptUrl as string, { type: 'module' }),
      ...options,
    })
  },
  /** `count` events in commits of 1,000, of `rows` rows. */
  async fill(count: number, rows: number): Promise<void> {
    const { engine } = page
    for (let from = engine!.status.sequence; from < count; from += 1000)
      await engine!.dispatch.fill({ from, count: Math.min(1000, count - from), rows })
    await engine!.projected()
  },
  async mount(): Promise<void> {
    const { mountDevtools } = await import('tidemark/devtools')
    await mountDevtools(page.engine!, { open: true })
  },
  /** Milliseconds of a dispatch, until it is durable: the mean of each turn, and of the turns with an open and with a closed panel the median. */
  async timeInTurns(turns: number, dispatches: number): Promise<{ open: number; closed: number }> {
    const panel = page.find('tidemark-devtools') as Element & { open: boolean }
    const means = { open: [] as number[], closed: [] as number[] }
    for (let turn = 0; turn < 2 * turns; turn++) {
      panel.open = turn % 2 === 1
      for (let i = 0; i < 10; i++) await frame()
      const began = performance.now()
      for (let i = 0; i < dispatches; i++) await page.engine!.dispatch.rename({ id: `i${i}`, title: `turn ${turn}` })
      means[panel.open ? 'open' : 'closed'].push((performance.now() - began) / dispatches)
    }
    const middle = (all: number[]): number => all.sort((a, b) => a - b)[all.length >> 1] ?? 0
    return { open: middle(means.open), closed: middle(means.closed) }
  },
  find(selector: string): Element | undefined {
    for (const root of roots()) {
      const found = root.querySelector(selector)
      if (found) return found
    }
    return
  },
  /** Of every shadow root. */
  text: (): string => [...roots()].map((root) => (root instanceof ShadowRoot ? root.textContent : '')).join(' '),
  async until<T>(look: () => T): Promise<T> {
    for (;;) {
      const found = look()
      if (found) return found
      await frame()
    }
  },
  /** Scrolls from the newest event to the first one, a little at a time and then far. */
  async scroll(): Promise<{ rows: number; longest: number; sequences: number[] }> {
    let longest = 0
    const observer = new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) longest = Math.max(longest, duration)
    })
    observer.observe({ type: 'longtask' })
    const list = page.find('tidemark-list') as Element
    const scroller = list.shadowRoot!.querySelector('.scroll') as HTMLElement
    const shown = (): number[] =>
      [...list.shadowRoot!.querySelectorAll('.seq')].map(({ textContent }) => Number(textContent))
    let rows = 0
    const sequences: number[] = []
    for (let i = 0; i < 100; i++) {
      scroller.scrollTop += i < 50 ? 120 : scroller.scrollHeight / 50
      await frame()
      await frame()
      rows = Math.max(rows, shown().length)
      sequences.push(shown()[0] ?? 0)
    }
    scroller.scrollTop = scroller.scrollHeight
    await page.until(() => list.shadowRoot!.querySelector('.row:last-child .type'))
    await page.until(() => shown().at(-1) === 1)
    sequences.push(...shown())
    observer.disconnect()
    return { rows, longest, sequences }
  },
}
Object.assign(globalThis, { page })
document.title = 'ready'
