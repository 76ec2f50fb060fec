/** Runs tasks one after the other. A task that fails rejects its own promise and does not stop the others. */
export interface Queue {
  run<T>(task: () => Promise<T>): Promise<T>
  /** Runs the task once more after this call. While the same function still waits for its turn, all calls share that turn. */
  join(task: () => Promise<void>): Promise<void>
  /** Resolves when every task that was queued before is over. */
  idle(): Promise<void>
}

export function createQueue(): Queue {
  let last: Promise<unknown> = Promise.resolve()
  const waiting = new Map<() => Promise<void>, Promise<void>>()
  const queue: Queue = {
    run(task) {
      const result = last.then(task)
      last = result.catch(() => {})
      return result
    },
    join(task) {
      let turn = waiting.get(task)
      if (!turn) {
        turn = queue.run(() => {
          waiting.delete(task)
          return task()
        })
        waiting.set(task, turn)
      }
      return turn
    },
    async idle() {
      await last
    },
  }
  return queue
}

/** Milliseconds to wait before the next attempt: from `min`, doubled after each failure, never over `max`. */
export interface Backoff {
  next(): number
  /** Begins again with `min`, after an attempt that succeeded. */
  reset(): void
}

export function createBackoff(min: number, max: number): Backoff {
  let wait = min
  return {
    next() {
      const now = wait
      wait = Math.min(max, wait * 2)
      return now
    },
    reset() {
      wait = min
    },
  }
}
