import type { DraftHint } from '../log/channel.ts'
import { type DraftStore, draftsInMemory, draftsOnDisk } from './disk.ts'
import { type Followed, followDraft } from './followed.ts'
import type { DraftHost } from './types.ts'
import { type DraftWriting, dethrone } from './writing.ts'

/** Drafts that nobody watches any more and that are still followed. */
const UNWATCHED_MAX = 64

/** The drafts of one engine that are written or watched here. */
export interface Shelf {
  readonly host: DraftHost
  /** What is written here. */
  readonly writings: Set<DraftWriting>
  /** What is watched or written here. */
  readonly followed: ReadonlyMap<string, Followed>
  storeOf(): DraftStore
  post(hint: DraftHint): void
  /** undefined: nobody here has asked for it. */
  find(name: string, id: string): Followed | undefined
  follow(name: string, id: string): Followed
  /** From now on it is written here. */
  enter(writing: DraftWriting): Followed
  /** It is not written here any more. */
  forget(writing: DraftWriting): Followed
  /** Another attempt has begun, or it was discarded. */
  lose(writing: DraftWriting): void
  /** It is in the log, or discarded. */
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
    follow(name, id) {
      const key = keyOf(name, id)
      const one = followed.get(key) ?? followDraft(host, name, id, shelf.storeOf)
      // Behind the others.
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
      const one = shelf.follow(writing.name, writing.id)
      if (one.writing) shelf.lose(one.writing)
      writings.add(writing)
      one.writing = writing
      return one
    },
    forget(writing) {
      const one = shelf.follow(writing.name, writing.id)
      writings.delete(writing)
      if (one.writing === writing) one.writing = undefined
      return one
    },
    lose(writing) {
      dethrone(writing)
      shelf.forget(writing).look()
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
