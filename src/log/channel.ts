import { type CommitRecord, isCommit } from './commit.ts'
import type { LogIdentity } from './database.ts'
import type { LocalRecord, Marker } from './local.ts'
import type { WireError } from './wire.ts'

/**
 * Hints between the tabs and workers of one log. Each carries the log id: a hint of a deleted or recreated log is
 * ignored (rule 9). Losing every hint costs latency only.
 */
export type Hint = { readonly log: string } & (
  | { readonly commit: CommitRecord }
  /** The outbox grew by this record, or to this key. */
  | { readonly local: LocalRecord | number }
  /** The state of the log and its remote. */
  | { readonly sync: SyncReport }
  /** Asks the follower of the remote for its `sync` hint. */
  | { readonly asks: 'sync' }
  /** By a tab: the ids of the reads of the remote that it waits for. By the follower of the remote: these reads are done. */
  | { readonly remoteRead: readonly string[]; readonly by: 'tab' | 'follower' }
  /** The state of each reaction, and the last event that they have looked at. */
  | { readonly reactions: Readonly<Record<string, ReactionReport>>; readonly scanned: number }
  /** Asks for the `reactions` hint. `changed`: the sender has changed open events in the store. */
  | { readonly asks: 'reactions'; readonly changed?: true }
  /** A worker or page waits to run these reactions: versions by name. */
  | { readonly wanted: Readonly<Record<string, number>> }
  /**
   * The log grew, and the commit is too large to send. `adopted`: the log got a new id, by an archive, or by an import or a
   * restore while it was empty. `taken`: the outbox began with the commands of this commit, and begins at this marker now.
   */
  | { readonly head: number; readonly adopted?: LogIdentity; readonly taken?: Taken }
  /** Persisted checkpoints by projection identity. */
  | { readonly projected: Readonly<Record<string, number | WireError>> }
  | {
      readonly progress: { readonly phase: 'rebuild'; readonly done: number; readonly total: number }
      readonly projections: readonly string[]
    }
  /** An error of a pipeline, which the tabs show in `status.lastError`. */
  | { readonly error: WireError }
  | { readonly mirror: MirrorStatus }
  /** Asks the writer of the mirror for its `mirror` hint. */
  | { readonly asks: 'mirror' }
  /** `'asked'` wakes the engine that works beside a pipeline. `'here'` is its answer. */
  | { readonly engine: 'asked' | 'here' }
  /** A text that is still being written has grown, or is over. */
  | { readonly draft: DraftHint }
  | { readonly destroyed: true }
)

/** The first commands of the outbox came into the log as they were. Nothing that tabs show has changed. */
export interface Taken {
  readonly commit: CommitRecord
  readonly marker: Marker
}

/** What the writer of a draft tells the other tabs. */
export interface DraftHint {
  readonly name: string
  readonly id: string
  /** Identifies one attempt to write it. */
  readonly epoch: string
  /** Characters that can be read from the log's database. */
  readonly stored: number
  /** `text` is new, after `offset`. Both are absent if it is too large to send. */
  readonly offset?: number
  readonly text?: string
  /** Its writer has left it. */
  readonly left?: true
  /** It was replaced by an event, or discarded. */
  readonly over?: true
}

/** The state of a log's second copy. */
export interface MirrorStatus {
  readonly state: 'on' | 'behind' | 'off'
  /** The last event in its files. */
  readonly sequence: number
  /** Why it is off. */
  readonly reason?: string
}

/** The state of the log and its remote, as far as the follower of the remote knows. */
export interface SyncReport {
  readonly state: 'online' | 'offline' | 'waiting' | 'denied' | 'outdated' | 'stalled' | 'forked' | 'other-log' | 'gone'
  /** Commands that the shared log refused and that were neither retried nor dropped. */
  readonly rejected: number
  /** Messages of the remote, at least so many, that are not in the log yet. */
  readonly behind: number
  /** The progress of a large upload or download. */
  readonly progress?: SyncProgress | undefined
  readonly error?: WireError
}

/** The state of one reaction. */
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

/** Counts events of an upload, messages of a download. */
export interface SyncProgress {
  readonly phase: 'upload' | 'download'
  readonly done: number
  readonly total: number
}

export interface Channel {
  post(hint: Hint): void
  /** Opens one more end in the same page. It hears the hints of the other ends. A hint is cloned once for all ends. */
  share(receive: (hint: Hint) => void): Channel
  close(): void
}

/** Without BroadcastChannel (jsdom) other pages send no hints: a page then reads the log when it gets the focus. */
export function openChannel(name: string, receive: (hint: Hint) => void): Channel {
  const channel = globalThis.BroadcastChannel && new BroadcastChannel(`tidemark:${name}`)
  // Node's own: an open channel must not keep a process.
  ;(channel as { unref?: () => void } | undefined)?.unref?.()
  const ends = new Set<{ receive(hint: Hint): void }>()
  if (channel) {
    channel.onmessage = ({ data }: MessageEvent) => {
      // Any script of this origin may post to this channel.
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
          // The page is being unloaded. Tabs that miss the hint read the log.
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

/** The most characters of a commit that is sent to every tab. */
export const LARGEST_HINT = 16_384

/** Tells other tabs and workers what was appended. Call it after `complete`, so that they find the commit when they read the log. */
export const postCommit = (channel: Channel | undefined, log: string, commit: CommitRecord): void =>
  channel?.post(isLarge(commit) ? { log, head: commit.last } : { log, commit })

/** A record that is too large to be sent to every tab. */
export const isLarge = ({ body }: Pick<CommitRecord, 'body'>): boolean => body.length > LARGEST_HINT
