import { aborting, sleep } from '../async.ts'
import { lockName } from '../locks.ts'
import type { Channel } from '../log/channel.ts'

/**
 * Seconds that the holder of a log's engine has to answer. A frozen page or worker keeps its lock but never answers.
 */
const ANSWER_S = 15

/**
 * Asks whether the holder of the engine that works beside a pipeline of this log is awake. Call it in a tab that needs
 * that engine. If there is no answer for 15 seconds, the lock is stolen for a moment, and the next in its queue gets
 * it.
 */
export async function reachHolder(
  name: string,
  log: string,
  channel: Channel,
  signal?: AbortSignal,
): Promise<'answered' | 'stolen'> {
  const answered = new AbortController()
  const mine = channel.share((hint) => {
    if (hint.log === log && 'engine' in hint && hint.engine === 'here') answered.abort()
  })
  try {
    // Counted in steps, because time in which the computer slept must not count as waiting.
    for (let seconds = 0; seconds < ANSWER_S; seconds++) {
      mine.post({ log, engine: 'asked' })
      await aborting(sleep(1000, answered.signal), signal).catch(() => {})
      signal?.throwIfAborted()
      if (answered.signal.aborted) return 'answered'
    }
  } finally {
    answered.abort()
    mine.close()
  }
  await globalThis.navigator?.locks?.request(lockName('engine', name), { steal: true }, () => {})
  return 'stolen'
}
