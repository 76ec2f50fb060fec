import type { DraftHint } from '../log/channel.ts'
import { type DraftStore, draftsInMemory, draftsOnDisk } from './disk.ts'
import { type Followed, followDraft } from './followed.ts'
import type { DraftHost } from './types.ts'
import { type DraftWriting, dethrone } from './writing.ts'

/** Drafts that have no listener any more and are still followed. */
const UNWATCHED_MAX = 64

/** The drafts of one engine that are written or watched in this page or worker. */
export interface Shelf {
  readonly host: DraftHost
  /** The attempts that are made here. */
  readonly writings: Set<DraftWriting>
  /** The drafts that are watched or written here, by name and id. */
  readonly followed: ReadonlyMap<string, Followed>
  storeOf(): DraftStore
  post(hint: DraftHint): void
  /** The draft, if it is followed here. */
  find(name: string, id: string): Followed | undefined
  /** The draft. Starts to follow it if needed. */
  getOrFollow(name: string, id: string): Followed
  /** Adds an attempt. An older one for the same draft in this page or worker loses. */
  enter(writing: DraftWriting): Followed
  /** Removes an attempt. */
  forget(writing: DraftWriting): Followed
  /** Ends an attempt because another one has begun, or because the draft was discarded. */
  lose(writing: DraftWriting): void
  /** Ends an attempt whose draft is in the log now, or was discarded here. */
  finish(writing: DraftWriting): void
}

export function createShelf(host: DraftHost): Shelf {
  const followed = new Map<string, Followed>()
  const writings = new Set<DraftWriting>()
  const memory = draftsInMemory()
  const keyOf = (name: string, id: string): string => `${name}\n${id}`
  const shelf: Shelf = {
    host,
    writings,
    followed,
    storeOf: () => (host.database?.hasNewer ? draftsOnDisk(host.database) : memory),
    post: (draft) => host.channel?.post({ log: host.logId, draft }),
    find: (name, id) => followed.get(keyOf(name, id)),
    getOrFollow(name, id) {
      const key = keyOf(name, id)
      const one = followed.get(key) ?? followDraft(host, name, id, shelf.storeOf)
      // Moved to the end, so that the drafts asked for longest ago are dropped first.
      followed.delete(key)
      followed.set(key, one)
      const idle = [...followed].filter(([, { isWatched, writing }]) => !isWatched && !writing)
      for (const [old, { rest }] of idle.slice(0, Math.max(0, idle.length - UNWATCHED_MAX))) {
        rest()
        followed.delete(old)
      }
      return one
    },
    enter(writing) {
      const one = shelf.getOrFollow(writing.name, writing.id)
      if (one.writing) shelf.lose(one.writing)
      writings.add(writing)
      one.writing = writing
      return one
    },
    forget(writing) {
      const one = shelf.getOrFollow(writing.name, writing.id)
      writings.delete(writing)
      if (one.writing === writing) one.writing = undefined
      return one
    },
    lose(writing) {
      dethrone(writing)
      shelf.forget(writing).readStored()
    },
    finish(writing) {
      const { name, id, epoch } = writing
      dethrone(writing)
      shelf.forget(writing).clear()
      shelf.post({ name, id, epoch, stored: 0, over: true })
    },
  }
  return shelf
}
