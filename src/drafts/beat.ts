/** Runs a task on request, with a minimum pause between two runs. */
export interface Beat {
  /** Requests a run: at once, or after the pause. */
  ask(): void
  /** Runs the task now if a run was requested. Resolves when no run is under way. */
  now(): Promise<void>
  /** Prevents further runs. */
  stop(): void
}

/** `ms`: the pause in milliseconds. `task` must not reject. */
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
      // The pause is measured from the end of a run, because a run may take long.
      last = performance.now()
      if (asked) schedule()
    })
  }

  return {
    ask() {
      const isFirst = !asked
      asked = true
      // Does not wait for a timer that is due: a hidden page's timers fire late. A microtask joins requests of the same
      // task.
      if (running || rest() > 0) schedule()
      else if (isFirst || timer !== undefined) queueMicrotask(run)
    },
    async now() {
      if (!running) run()
      // The run starts before the first await, because the page may be unloading.
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
