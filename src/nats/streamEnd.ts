import { sleep } from '../async.ts'
import type { Connector } from './connection.ts'
import type { StreamPlace } from './place.ts'
import { lastOf } from './readMessages.ts'

/** Milliseconds for which a server of a shared stream is asked for a message that it may not have yet, and the pause between two requests. */
const BEHIND_MS = 2_000
const BEHIND_AGAIN_MS = 25

/** The end of a log's stream. */
export interface StreamEnd {
  /** The sequence of the last message that this device knows to be stored. Another server of the cluster may not have this message yet. */
  readonly seen: number
  /** Notes that a message is stored. */
  saw(sequence: number): void
  /** Returns the sequence of the last message. */
  lookUp(signal: AbortSignal): Promise<number>
}

export function createStreamEnd(connector: Connector, place: StreamPlace): StreamEnd {
  let seen = 0
  return {
    get seen() {
      return seen
    },
    saw(sequence) {
      seen = Math.max(seen, sequence)
    },
    lookUp: (signal) =>
      connector.use(signal, async (connection) => {
        const until = Date.now() + BEHIND_MS
        while (true) {
          const last = await lastOf(connection, place)
          if (last >= seen) return last
          if (!place.shared || Date.now() > until) {
            // The remote has lost its messages after `last`.
            seen = last
            return last
          }
          await sleep(BEHIND_AGAIN_MS, signal)
        }
      }),
  }
}
