import { type CommitRecord, isCommit } from './commit.ts'
import type { LogIdentity } from './database.ts'
import type { WireError } from './wire.ts'

/**
 * Hints between the tabs and workers of one log. Each carries the log id: one from a deleted or recreated log means
 * nothing here (rule 9). Losing every one of them costs latency only.
 */
export type Hint = { readonly log: string } & (
  | { readonly commit: CommitRecord }
  /**
   * The log grew; the commit itself is too large to send. `adopted`: it became another one, by an import while it was
   * empty or by an archive.
   */
  | { readonly head: number; readonly adopted?: LogIdentity }
  /** Persisted checkpoints by projection identity. */
  | { readonly projected: Readonly<Record<string, number | WireError>> }
  | {
      readonly progress: { readonly phase: 'rebuild'; readonly done: number; readonly total: number }
      readonly projections: readonly string[]
    }
  /** What a pipeline could not find or do, for the people in front of a tab. */
  | { readonly error: WireError }
  | { readonly mirror: MirrorStatus }
  /** Whoever writes the mirror tells where it stands. */
  | { readonly asks: 'mirror' }
  | { readonly destroyed: true }
)

/** Where the second copy of a log stands. */
export interface MirrorStatus {
  readonly state: 'on' | 'behind' | 'off'
  /** The last event in its files. */
  readonly sequence: number
  /** Why it is off. */
  readonly reason?: string
}

export interface Channel {
  post(hint: Hint): void
  close(): void
}

/** Without BroadcastChannel (jsdom) there are no hints: the log is read when a page is looked at again. */
export function openChannel(name: string, receive: (hint: Hint) => void): Channel {
  if (!globalThis.BroadcastChannel) return { post() {}, close() {} }
  const channel = new BroadcastChannel(`tidemark:${name}`)
  ;(channel as { unref?: () => void }).unref?.()
  channel.onmessage = ({ data }: MessageEvent) => {
    // Anything of this origin may speak here.
    if (typeof data?.log === 'string' && (!data.commit || isCommit(data.commit))) receive(data)
  }
  return {
    post(hint) {
      try {
        channel.postMessage(hint)
      } catch {
        // Closed, or the page is being put away: whoever missed it reads the log.
      }
    },
    close() {
      channel.close()
    },
  }
}

const LARGEST_HINT = 16_384

/** Tells the others what was appended; sent after `complete`, so that whoever reads the log finds it. */
export const ring = (channel: Channel | undefined, log: string, commit: CommitRecord): void =>
  channel?.post(commit.body.length > LARGEST_HINT ? { log, head: commit.last } : { log, commit })
