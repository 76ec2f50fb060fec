import { aborting, sleep } from '../async.ts'
import { lockName } from '../locks.ts'
import type { Channel } from '../log/channel.ts'

/** Seconds that the holder of a log's engine has to answer; a frozen page or worker never does, and keeps its lock. */
const ANSWER_S = 15

/**
 * For a tab that needs the engine which works beside a pipeline of this log: asks whether its holder is awake. If 15 seconds
 * pass without an answer, the lock is stolen for a moment, and the next in its queue gets it.
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
    // In steps: a computer that sleeps meanwhile has not waited.
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
