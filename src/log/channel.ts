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
  /** Somebody needs the engine that works beside a pipeline; and it says that it is awake. */
  | { readonly engine: 'asked' | 'here' }
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
  /** One more end in the same page, which hears what is said at the others: a hint is cloned once for all of them. */
  share(receive: (hint: Hint) => void): Channel
  close(): void
}

/** Without BroadcastChannel (jsdom) there are no hints of others: the log is read when a page is looked at again. */
export function openChannel(name: string, receive: (hint: Hint) => void): Channel {
  const channel = globalThis.BroadcastChannel && new BroadcastChannel(`tidemark:${name}`)
  ;(channel as { unref?: () => void } | undefined)?.unref?.()
  const ends = new Set<{ receive(hint: Hint): void }>()
  if (channel) {
    channel.onmessage = ({ data }: MessageEvent) => {
      // Anything of this origin may speak here.
      if (typeof data?.log !== 'string' || (data.commit && !isCommit(data.commit))) return
      for (const end of [...ends]) end.receive(data)
    }
  }

  function open(receive: (hint: Hint) => void): Channel {
    const mine = { receive }
    ends.add(mine)
    return {
      post(hint) {
        if (!ends.has(mine)) return
        try {
          channel?.postMessage(hint)
        } catch {
          // The page is being put away: who misses it reads the log.
        }
        for (const other of ends) if (other !== mine) queueMicrotask(() => ends.has(other) && other.receive(hint))
      },
      share: open,
      close() {
        ends.delete(mine)
        if (!ends.size) channel?.close()
      },
    }
  }

  return open(receive)
}

const LARGEST_HINT = 16_384

/** Tells the others what was appended; sent after `complete`, so that whoever reads the log finds it. */
export const ring = (channel: Channel | undefined, log: string, commit: CommitRecord): void =>
  channel?.post(commit.body.length > LARGEST_HINT ? { log, head: commit.last } : { log, commit })
