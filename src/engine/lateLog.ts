import type { Log } from '../log/log.ts'

/** A log whose code is loaded with the first call. */
export function lateLog(open: () => Promise<Log>): Log {
  return {
    append: async (...given) => (await open()).append(...given),
    appendInside: async (...given) => (await open()).appendInside(...given),
    look: async (...given) => (await open()).look(...given),
    flush: async () => (await open()).flush(),
    async *readAfter(...given) {
      yield* (await open()).readAfter(...given)
    },
  }
}
