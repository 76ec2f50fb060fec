import { nudge } from './afterwards.ts'
import type { Tab } from './tab.ts'
import { work } from './work.ts'

/** Keeps one loop of a tab going. */
export interface Pump {
  /** There may be something to do. */
  pump(): void
  /** Resolves when nothing is under way. Ends what waits for a later try. */
  idle(): Promise<void>
}

export function createPump(tab: Tab): Pump {
  const waiting: (() => void)[] = []
  let running = false
  let timer: ReturnType<typeof setTimeout> | undefined

  async function run(): Promise<void> {
    // What is dispatched in one go is appended in one record: this is the tick between.
    await Promise.resolve()
    const until = await work(tab)
    running = false
    if (tab.state === 'ready' && until !== undefined) timer = setTimeout(start, Math.max(0, until - performance.now()))
    // What came in while the last step ended.
    else if (tab.pending.length || (tab.behind && tab.state === 'ready')) start()
    else for (const resolve of waiting.splice(0)) resolve()
  }

  function start(): void {
    if (running) return
    running = true
    clearTimeout(timer)
    timer = undefined
    void run()
  }

  return {
    pump() {
      nudge(tab)
      start()
    },
    async idle() {
      clearTimeout(timer)
      if (tab.pending.length) start()
      if (running) await new Promise<void>((resolve) => waiting.push(resolve))
    },
  }
}
