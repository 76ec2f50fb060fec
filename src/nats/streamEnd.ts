import { sleep } from '../async.ts'
import type { Connector } from './connection.ts'
import type { StreamPlace } from './place.ts'
import { lastOf } from './readMessages.ts'

/** For servers of a shared stream that have not yet heard of a message that another one has stored. */
const BEHIND_MS = 2_000
const BEHIND_AGAIN_MS = 25

/** Where the stream of a log ends. */
export interface StreamEnd {
  /** The last message that this device knows to be stored: another server of the cluster may not have it yet. */
  readonly seen: number
  saw(sequence: number): void
  /** Asks for the last message that there is to read. */
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
            // The remote has forgotten it.
            seen = last
            return last
          }
          await sleep(BEHIND_AGAIN_MS, signal)
        }
      }),
  }
}
