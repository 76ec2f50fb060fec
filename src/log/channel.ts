import { type CommitRecord, isCommit } from './commit.ts'
import type { LogIdentity } from './database.ts'
import type { LocalRecord } from './local.ts'
import type { WireError } from './wire.ts'

/**
 * Hints between the tabs and workers of one log. Each carries the log id: one from a deleted or recreated log means
 * nothing here (rule 9). Losing every one of them costs latency only.
 */
export type Hint = { readonly log: string } & (
  | { readonly commit: CommitRecord }
  /** The outbox grew by this record, or to this key. */
  | { readonly local: LocalRecord | number }
  /** Where the log and its remote stand. */
  | { readonly sync: SyncReport }
  /** Somebody wants to hear where the remote stands. */
  | { readonly asks: 'sync' }
  /** Reads of the remote that a tab waits for, by names that it gave them. The follower of the remote says that they are done. */
  | { readonly remoteRead: readonly string[]; readonly by: 'tab' | 'follower' }
  /** Where the reactions stand, and the event up to which they have looked at the log. */
  | { readonly reactions: Readonly<Record<string, ReactionReport>>; readonly scanned: number }
  /** Somebody wants to hear where they stand. `changed`: what is open was changed in the store. */
  | { readonly asks: 'reactions'; readonly changed?: true }
  /** A worker or page waits to run reactions, by name and version. */
  | { readonly wanted: Readonly<Record<string, number>> }
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
  /** The writer of the mirror tells how far it is. */
  | { readonly asks: 'mirror' }
  /** Somebody needs the engine that works beside a pipeline; and it says that it is awake. */
  | { readonly engine: 'asked' | 'here' }
  /** A text that is still being written has grown, or is over. */
  | { readonly draft: DraftHint }
  | { readonly destroyed: true }
)

/** What the writer of a draft tells. */
export interface DraftHint {
  readonly name: string
  readonly id: string
  /** Of one attempt to write it. */
  readonly epoch: string
  /** Characters that can be read from the log's database. */
  readonly stored: number
  /** What is new behind `offset`. Neither: it is too large to be sent. */
  readonly offset?: number
  readonly text?: string
  /** Its writer has left it. */
  readonly left?: true
  /** It was replaced by an event, or discarded. */
  readonly over?: true
}

/** Where the second copy of a log stands. */
export interface MirrorStatus {
  readonly state: 'on' | 'behind' | 'off'
  /** The last event in its files. */
  readonly sequence: number
  /** Why it is off. */
  readonly reason?: string
}

/** Where the log and its remote stand, as far as the follower of the remote knows. */
export interface SyncReport {
  readonly state: 'online' | 'offline' | 'waiting' | 'denied' | 'outdated' | 'stalled' | 'forked' | 'other-log' | 'gone'
  /** Commands that the shared log refused and that nobody has looked after yet. */
  readonly rejected: number
  /** Messages of the remote, at least so many, that are not in the log yet. */
  readonly behind: number
  /** Of a large upload or download. */
  readonly progress?: SyncProgress | undefined
  readonly error?: WireError
}

/** Where one reaction stands. */
export interface ReactionReport {
  readonly state: 'idle' | 'running' | 'waiting' | 'stopped'
  /** Events that are not settled, without dead ones. */
  readonly open: number
  readonly running: number
  /** Open events of which an attempt failed. */
  readonly retrying: number
  readonly dead: number
  /** Open events whose time has come. */
  readonly due: number
  readonly error?: WireError
}

/** Of an upload, in events; of a download, in messages. */
export interface SyncProgress {
  readonly phase: 'upload' | 'download'
  readonly done: number
  readonly total: number
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
  // Node's own: an open channel must not keep a process.
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

/** Characters that are sent to every tab at once. */
export const LARGEST_HINT = 16_384

/** Tells the others what was appended; sent after `complete`, so that a reader of the log finds it. */
export const ring = (channel: Channel | undefined, log: string, commit: CommitRecord): void =>
  channel?.post(isLarge(commit) ? { log, head: commit.last } : { log, commit })

/** A record that is too large to be sent to every tab. */
export const isLarge = ({ body }: Pick<CommitRecord, 'body'>): boolean => body.length > LARGEST_HINT
