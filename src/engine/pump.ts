import { nudge } from './afterwards.ts'
import type { Tab } from './tab.ts'
import { work } from './work.ts'

/** Starts `work`, the loop that takes the steps of a tab, and lets only one run at a time. */
export interface Pump {
  /** Starts the loop if it is not running, because there may be something to do. */
  pump(): void
  /** Resolves when the loop has stopped. Cancels a scheduled retry. */
  idle(): Promise<void>
}

export function createPump(tab: Tab): Pump {
  const waiting: (() => void)[] = []
  let running = false
  let timer: ReturnType<typeof setTimeout> | undefined

  async function run(): Promise<void> {
    // Waits one tick, so that all commands dispatched in the same task go into one record.
    await Promise.resolve()
    const until = await work(tab)
    running = false
    if (tab.state === 'ready' && until !== undefined) timer = setTimeout(start, Math.max(0, until - performance.now()))
    // Commands or hints may have arrived while the last step ended.
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
