import { type Engine, type EngineOf, type OpenOptions, openEngine } from 'tidemark'
import type { DraftWriter } from 'tidemark/drafts'
import { openDevices, openJobs } from './jobs.ts'
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
  jobs: undefined as Awaited<ReturnType<typeof openJobs>> | undefined,
  writer: undefined as DraftWriter | undefined,
  /** The panel on a log with reactions and drafts: `work` has given up one event, another one is under way, and one draft is being written. */
  async showJobs(): Promise<void> {
    const jobs = await openJobs('jobs')
    await jobs.dispatch.ask({ id: 'a' })
    await jobs.dispatch.ask({ id: 'b', kind: 'bad' })
    await jobs.dispatch.ask({ id: 'c', kind: 'slow' })
    page.jobs = jobs
    page.writer = jobs.drafts.report.begin('r1', { job: 'a' })
    page.writer.append('Once')
    await page.mount(jobs)
  },
  /** The panel on a device that is offline: the remote has refused one command, and another one waits. */
  async showDevice(): Promise<void> {
    const { first, second, setOffline } = await openDevices('sync')
    setOffline(true)
    await second.dispatch.ask({ id: 'a' })
    // Its command is in the shared log before the second device is online.
    await first.dispatch.ask({ id: 'a' }, { durability: 'remote' })
    setOffline(false)
    await page.until(() => second.status.sync?.rejected)
    setOffline(true)
    await second.dispatch.ask({ id: 'b' })
    await page.mount(second)
  },
  async mount(engine?: Engine<any, any, any, any>): Promise<void> {
    const { mountDevtools } = await import('tidemark/devtools')
    await mountDevtools(engine ?? page.engine!, { open: true })
  },
  /** Milliseconds from the call that mounts the panel until rows are seen. */
  async timeOpening(): Promise<number> {
    const began = performance.now()
    await page.mount()
    await page.until(() => page.find('.row:nth-child(5) .type'))
    return performance.now() - began
  },
  /** Milliseconds from a filter until the panel shows a text. */
  async timeFinding(filter: string, text: string): Promise<number> {
    const input = page.find('input[type=search]') as HTMLInputElement
    const began = performance.now()
    input.value = filter
    input.dispatchEvent(new Event('change'))
    await page.until(() => page.text().includes(text))
    return performance.now() - began
  },
  /** Mounts the panel or removes it, and waits until it has rendered what it shows. */
  async setOpen(open: boolean): Promise<void> {
    page.find('tidemark-devtools')?.remove()
    if (open) await page.mount()
    if (open) await page.until(() => page.find('.row:nth-child(5) .type'))
    for (let i = 0; i < 30; i++) await frame()
  },
  /** Milliseconds of a dispatch, until it is durable: the mean of so many, one after the other. */
  async timeDispatches(count: number): Promise<number> {
    const began = performance.now()
    for (let i = 0; i < count; i++) await page.engine!.dispatch.rename({ id: `i${i}`, title: `at ${began}` })
    return (performance.now() - began) / count
  },
  /** What the open panel does while commands come one after the other, until it has looked so often: rows that it renders, and reads of the log. */
  async countLooks(most: number): Promise<{ looks: number; rows: number; reads: number; ms: number }> {
    const log = page.find('tidemark-log') as Element & { refresh(): void }
    const list = page.find('tidemark-list') as Element & { item(index: number): unknown }
    const counts = { looks: 0, rows: 0, reads: 0 }
    const { item } = list
    const { refresh } = log
    const { transaction } = IDBDatabase.prototype
    log.refresh = () => {
      counts.looks++
      refresh.call(log)
    }
    Object.defineProperty(list, 'item', {
      configurable: true,
      get: () => (index: number) => {
        counts.rows++
        return item(index)
      },
      set() {},
    })
    IDBDatabase.prototype.transaction = function (...args) {
      // An append writes; what else reads is the panel.
      if (args[1] === 'readonly') counts.reads++
      return transaction.apply(this, args)
    }
    const began = performance.now()
    for (let i = 0; counts.looks < most; i++)
      await page.engine!.dispatch.rename({ id: `i${i % 100}`, title: `looked at ${i}` })
    IDBDatabase.prototype.transaction = transaction
    return { ...counts, ms: performance.now() - began }
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
