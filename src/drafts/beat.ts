/** Runs a task as soon as somebody asks, but never twice within so many milliseconds. */
export interface Beat {
  ask(): void
  /** Runs the task now if somebody has asked for it. Resolves when nothing is under way. */
  now(): Promise<void>
  /** Runs nothing any more. */
  stop(): void
}

/** The task must not reject. */
export function createBeat(ms: number, task: () => Promise<void> | void): Beat {
  let last = Number.NEGATIVE_INFINITY
  let running: Promise<void> | undefined
  let asked = false
  let stopped = false
  let timer: ReturnType<typeof setTimeout> | undefined

  const rest = (): number => last + ms - performance.now()

  function schedule(): void {
    if (!stopped && !running) timer ??= setTimeout(run, Math.max(0, rest()))
  }

  function run(): void {
    clearTimeout(timer)
    timer = undefined
    if (stopped || running || !asked) return
    asked = false
    last = performance.now()
    const done = task()
    if (!done) return
    running = done.finally(() => {
      running = undefined
      // What it does may begin late: the pause is between the end of one and the beginning of the next.
      last = performance.now()
      if (asked) schedule()
    })
  }

  return {
    ask() {
      const isFirst = !asked
      asked = true
      // The timer of a hidden page comes late, but a caller is awake. In a microtask: what is asked for in one go goes together.
      if (running || rest() > 0) schedule()
      else if (isFirst || timer !== undefined) queueMicrotask(run)
    },
    async now() {
      if (!running) run()
      // Nothing is awaited before it began: the page may be going.
      await running
      if (asked && !stopped) {
        run()
        await running
      }
    },
    stop() {
      stopped = true
      clearTimeout(timer)
    },
  }
}
