/** The least milliseconds between two updates while an engine keeps changing. */
export const WAIT_MIN_MS = 2000
/** The most milliseconds between two updates, no matter how much one costs. */
export const WAIT_MAX_MS = 10_000
/** While an engine keeps changing, updates get a hundredth of the page's time: each update waits this many times as long as the last update took. */
export const WAIT_PER_COST = 100
/** Milliseconds without a change after which an update no longer waits in proportion. */
export const STILL_MS = 250
/** Milliseconds after which an update no longer waits for the page to be idle. */
const IDLE_MS = 100

/** Updates what the panel shows of something that may change all the time, and leaves the page most of its time. */
export interface Updates {
  /** Called after a change. Updates at once after a quiet time, else when the next update is due. */
  ask(): void
  /** Call this when everything is up to date: an update that is due is not needed. */
  restart(): void
  stop(): void
}

/** `update` returns the milliseconds that it took of the page's thread. */
export function createUpdates(update: () => Promise<number>): Updates {
  let timer: ReturnType<typeof setTimeout> | undefined
  let began = Number.NEGATIVE_INFINITY
  /** Something has changed since this was last looked at. Cheaper than a time, because an app may change a thousand times a second. */
  let hasChanged = false
  let wait = WAIT_MIN_MS

  function restart(): void {
    clearTimeout(timer)
    timer = undefined
    began = performance.now()
  }

  async function run(): Promise<void> {
    // From here on, a change requests another update, because this update may be too early to show it.
    restart()
    wait = Math.min(WAIT_MAX_MS, Math.max(WAIT_MIN_MS, (await update()) * WAIT_PER_COST))
  }

  function runIfDue(): void {
    const remaining = began + wait - performance.now()
    if (remaining > 0 && hasChanged) timer = setTimeout(runIfDue, Math.min(remaining, STILL_MS))
    else whenIdle(run)
    hasChanged = false
  }

  return {
    ask() {
      hasChanged = true
      timer ??= setTimeout(runIfDue, Math.max(0, began + WAIT_MIN_MS - performance.now()))
    },
    restart,
    stop: () => clearTimeout(timer),
  }
}

/** A fallback for Safari, which has no idle callbacks. */
function whenIdle(run: () => void): void {
  if ('requestIdleCallback' in globalThis) requestIdleCallback(run, { timeout: IDLE_MS })
  else run()
}
