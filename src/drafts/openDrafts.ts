import { InvalidData, type StorageError } from '../errors.ts'
import type { Inside } from '../log/append.ts'
import { type DraftHint, LARGEST_HINT } from '../log/channel.ts'
import { createBackoff } from '../queue.ts'
import { createBeat } from './beat.ts'
import { type DraftStore, draftsInMemory, draftsOnDisk, type NextPiece } from './disk.ts'
import { DraftOver } from './draftOver.ts'
import { holdEpoch, isWritten } from './epochLock.ts'
import { type Followed, follow } from './followed.ts'
import type { DraftHost, Drafts, DraftText, DraftWriter, OpenDrafts } from './types.ts'
import { append, beginAnew, createWriting, dethrone, headerOf, nextPiece, noteStored, type Writing } from './writing.ts'

/** Milliseconds between two writes of all that is written here. */
const STORE_MS = 250
/** Milliseconds between two hints. */
const TELL_MS = 32
/** Milliseconds after which a write that failed is tried again, doubled up to the maximum. */
const RETRY_MIN_MS = 1000
const RETRY_MAX_MS = 30_000
/** Drafts that nobody watches any more and that are still followed. */
const UNWATCHED_MAX = 64

type Ending<R> = (text: string) => R | PromiseLike<R>

/** The drafts of one engine: in a page, or in a worker without a page. */
export function openDrafts(host: DraftHost, names: readonly string[]): OpenDrafts {
  const { name: log, ended } = host
  const post = (draft: DraftHint): void => host.channel?.post({ log: host.logId, draft })
  const memory = draftsInMemory()
  const storeOf = (): DraftStore => (host.database?.hasNewer ? draftsOnDisk(host.database) : memory)
  const followed = new Map<string, Followed>()
  const writings = new Set<Writing>()
  const backoff = createBackoff(RETRY_MIN_MS, RETRY_MAX_MS)
  let storeFrom = 0
  let retry: ReturnType<typeof setTimeout> | undefined
  /** What the next dispatch writes besides. */
  let ending: Inside | undefined

  const stores = createBeat(STORE_MS, store)
  const tells = createBeat(TELL_MS, tell)

  const keyOf = (name: string, id: string): string => `${name}\n${id}`

  function followedOf(name: string, id: string): Followed {
    const key = keyOf(name, id)
    const one = followed.get(key) ?? follow(host, name, id, storeOf)
    // Behind the others.
    followed.delete(key)
    followed.set(key, one)
    const idle = [...followed].filter(([, { isWatched, writing }]) => !isWatched && !writing)
    for (const [old, { rest }] of idle.slice(0, Math.max(0, idle.length - UNWATCHED_MAX))) {
      rest()
      followed.delete(old)
    }
    return one
  }

  /** Writes what is new, of all drafts together. */
  async function store(): Promise<void> {
    const due = [...writings].flatMap((writing) => {
      const mayStore = writing.state === 'open' || writing.state === 'left' || ended.aborted
      const piece = mayStore && writing.lock.isHeld ? nextPiece(writing) : undefined
      return piece ? [{ writing, piece }] : []
    })
    // One that failed is not tried again at once.
    if (!due.length || (performance.now() < storeFrom && !ended.aborted)) return
    try {
      const wrote = await storeOf().write(due.map(({ piece }) => piece))
      backoff.reset()
      for (const [i, { writing, piece }] of due.entries()) {
        if (wrote[i] === 'stored') noteStored(writing, piece)
        else if (wrote[i] === 'dropped') writing.dropped = true
        else lose(writing)
      }
      tells.ask()
    } catch (error) {
      // The text is still here.
      const isCertain = (error as StorageError).kind === 'quota' || ended.aborted
      for (const { writing, piece } of isCertain ? [] : due) if (piece.begins) beginAnew(writing, log)
      const wait = backoff.next()
      storeFrom = performance.now() + wait
      clearTimeout(retry)
      if (!ended.aborted)
        retry = setTimeout(() => {
          // A timer may fire a moment early, and nothing else would ask again.
          storeFrom = 0
          stores.ask()
        }, wait)
    }
  }

  /** Says what is new to the other tabs and to those who listen here. */
  function tell(): void {
    for (const writing of [...writings]) {
      const { name, id, epoch, text, told, toldStored, dropped, state } = writing
      const stored = dropped ? 0 : (writing.stored ?? 0)
      followed.get(keyOf(name, id))?.changed()
      // A tab that hears of it has to find it.
      if (writing.stored === undefined || state === 'over' || (told === text.length && toldStored === stored)) continue
      const more = text.slice(told)
      Object.assign(writing, { told: text.length, toldStored: stored })
      post({ name, id, epoch, stored, ...(more.length <= LARGEST_HINT && { offset: told, text: more }) })
    }
  }

  function enter(writing: Writing): Followed {
    const one = followedOf(writing.name, writing.id)
    if (one.writing) lose(one.writing)
    writings.add(writing)
    one.writing = writing
    return one
  }

  /** It is not written here any more. */
  function forget(writing: Writing): Followed {
    const one = followedOf(writing.name, writing.id)
    writings.delete(writing)
    if (one.writing === writing) one.writing = undefined
    return one
  }

  /** Another attempt has begun, or it was discarded. */
  function lose(writing: Writing): void {
    dethrone(writing)
    forget(writing).look()
  }

  /** It is in the log, or discarded. */
  function finish(writing: Writing): void {
    const { name, id, epoch } = writing
    dethrone(writing)
    forget(writing).clear()
    post({ name, id, epoch, stored: 0, over: true })
  }

  /** Nobody writes it any more, and it stays. */
  function abandon(writing: Writing): Promise<void> {
    if (writing.state === 'over') return Promise.resolve()
    writing.state = 'left'
    return (writing.leaving = leave(writing))
  }

  async function leave(writing: Writing): Promise<void> {
    stores.ask()
    await stores.now()
    // A fault of the disk keeps the text here.
    if ((writing.state as Writing['state']) !== 'left') return
    writing.lock.release()
    sayLeft(writing)
    if (writing.stored === writing.text.length || writing.dropped) forget(writing).keep(writing)
    else followedOf(writing.name, writing.id).changed()
  }

  /** The others need not wait for its lock. */
  function sayLeft(writing: Writing): void {
    const { name, id, epoch, stored, told, text } = writing
    const more = text.slice(told)
    writing.told = text.length
    if (stored !== undefined)
      post({
        name,
        id,
        epoch,
        stored,
        left: true,
        ...(more.length <= LARGEST_HINT && { offset: told, text: more }),
      })
  }

  /** Somebody says that the draft is not ours any more. */
  async function verify(writing: Writing): Promise<void> {
    const { name, id, epoch, stored } = writing
    if (stored === undefined || (await storeOf().has(name, id, epoch))) return
    // What ends it finds out by itself.
    if (writing.state !== 'ending') lose(writing)
  }

  /** Says whether nobody has begun after this attempt. */
  async function isOurs(writing: Writing): Promise<boolean> {
    const { name, id, epoch, stored } = writing
    const drafts = storeOf()
    if (stored !== undefined) return drafts.has(name, id, epoch)
    // It was too short to be stored, but it has taken the place of another one.
    const piece = (await drafts.has(name, id)) && nextPiece(writing)
    if (!piece) return true
    const [wrote] = await drafts.write([piece]).catch((error) => {
      beginAnew(writing, log)
      throw error
    })
    if (wrote === 'stored') noteStored(writing, piece)
    return wrote === 'stored'
  }

  async function end<R>(writing: Writing, fn: Ending<R>): Promise<R> {
    const { name, id } = writing
    const refuse = (): never => {
      throw new DraftOver(name, id)
    }
    if (writing.state !== 'open') refuse()
    writing.state = 'ending'
    let isTaken = false
    let result: R
    try {
      await stores.now()
      if (!(await isOurs(writing))) lose(writing)
      if ((writing.state as Writing['state']) !== 'ending') refuse()
      const mine = storeOf().end(name, id, writing.epoch)
      let answer: R | PromiseLike<R>
      try {
        ending = mine
        answer = fn(writing.text)
      } finally {
        isTaken = ending !== mine
        ending = undefined
      }
      result = await answer
    } catch (error) {
      await abandon(writing)
      throw error
    }
    if (!isTaken) {
      if (__DEV__)
        console.warn(
          `tidemark: what ends the draft "${id}" dispatched nothing before its first await, so it was deleted after its event, not with it. ` +
            'Return a dispatch at once.',
        )
      await storeOf().remove(name, id, writing.epoch)
    }
    finish(writing)
    return result
  }

  function writerOf(writing: Writing): DraftWriter {
    return Object.freeze({
      signal: writing.over.signal,
      append(text: string) {
        if (writing.state !== 'open' || !append(writing, text)) return
        stores.ask()
        tells.ask()
      },
      end: <R>(fn: Ending<R>) => end(writing, fn),
      async discard() {
        if (writing.state !== 'open' && writing.state !== 'left') return
        writing.state = 'ending'
        try {
          await stores.now()
          const { name, id, epoch, stored } = writing
          await storeOf().remove(name, id, stored === undefined ? undefined : epoch)
        } catch (error) {
          await abandon(writing)
          throw error
        }
        finish(writing)
      },
    })
  }

  function begin(name: string, id: string, given: unknown, signal?: AbortSignal): DraftWriter {
    if (host.refusal) throw host.refusal
    ended.throwIfAborted()
    signal?.throwIfAborted()
    const writing = createWriting(log, name, id, headerOf(id, given))
    enter(writing).changed()
    writing.lock.held.then(stores.ask)
    const giveUp = (): void => {
      if (writing.state === 'open') void abandon(writing)
    }
    signal?.addEventListener('abort', giveUp, { once: true, signal: writing.over.signal })
    return writerOf(writing)
  }

  /** Takes an abandoned draft over, as an attempt of its own that begins with its text. */
  async function takeOver(name: string, id: string): Promise<Writing> {
    await followed.get(keyOf(name, id))?.writing?.leaving
    const left = followed.get(keyOf(name, id))?.writing
    if (left?.state === 'left') {
      // The disk did not take it: it is only here.
      left.lock = holdEpoch(log, left.epoch)
      left.state = 'open'
      return left
    }
    const [found] = await storeOf().read(name, id)
    if (!found || left || (await isWritten(log, found.epoch))) throw new DraftOver(name, id)
    const writing = createWriting(log, name, id, found.header, [found.epoch])
    append(writing, found.text)
    await writing.lock.held
    const piece = nextPiece(writing) as NextPiece
    const [wrote] = await storeOf()
      .write([piece])
      .catch((error) => {
        writing.lock.release()
        throw error
      })
    if (wrote !== 'stored') {
      dethrone(writing)
      throw new DraftOver(name, id)
    }
    noteStored(writing, piece)
    enter(writing).changed()
    return writing
  }

  const draftsOf = (name: string): Drafts<any> =>
    Object.freeze<Drafts<any>>({
      get: (id) => followedOf(name, id).get(),
      subscribe: (id, listener) => followedOf(name, id).subscribe(listener),
      async list() {
        await stores.now()
        const found = await storeOf().read(name)
        return Promise.all(
          found.map(async ({ id, epoch, header, text }): Promise<DraftText<any>> => {
            const own = followed.get(keyOf(name, id))
            if (own?.writing) return own.get() as DraftText<any>
            const state = (await isWritten(log, epoch)) ? 'live' : 'abandoned'
            return Object.freeze({ ...(header as object), id, text, state })
          }),
        )
      },
      begin: (id, header, { signal } = {}) => begin(name, id, header, signal),
      async end(id, fn) {
        return end(await takeOver(name, id), fn)
      },
      async discard(id) {
        if (typeof id !== 'string' || !id)
          throw new InvalidData('the id of a draft is a string that is not empty', ['id'])
        const own = followed.get(keyOf(name, id))?.writing
        if (own) return writerOf(own).discard()
        const [found] = await storeOf().read(name, id)
        if (!found) return
        await storeOf().remove(name, id)
        followed.get(keyOf(name, id))?.clear()
        post({ name, id, epoch: found.epoch, stored: 0, over: true })
      },
    })

  function hear(hint: DraftHint): void {
    const one = followed.get(keyOf(hint.name, hint.id))
    const { writing } = one ?? {}
    if (!writing) one?.hear(hint)
    else if (hint.over || (hint.epoch !== writing.epoch && writing.rival !== hint.epoch)) {
      writing.rival = hint.epoch
      verify(writing).catch(() => {})
    }
  }

  const lookAll = (): void => {
    for (const { writing, look } of followed.values()) if (!writing) look()
  }
  /** A page that is put away holds no lock: other tabs find its drafts abandoned meanwhile, and may take them over. */
  const putAway = ({ persisted }: { readonly persisted?: boolean }): void => {
    void stores.now()
    if (!persisted) return
    for (const { lock } of writings) lock.release()
    for (const { rest } of followed.values()) rest()
  }
  const comeBack = ({ persisted }: { readonly persisted?: boolean }): void => {
    if (!persisted) return
    for (const writing of writings) {
      if (writing.state !== 'left') writing.lock = holdEpoch(log, writing.epoch)
      verify(writing).catch(() => {})
    }
    lookAll()
  }
  const events = [
    ['focus', lookAll],
    ['pagehide', putAway],
    ['pageshow', comeBack],
  ] as const
  for (const [type, listener] of events) globalThis.addEventListener?.(type, listener as EventListener)

  ended.addEventListener('abort', () => {
    for (const [type, listener] of events) globalThis.removeEventListener?.(type, listener as EventListener)
    for (const { rest } of followed.values()) rest()
    tells.stop()
    clearTimeout(retry)
    for (const writing of writings) sayLeft(writing)
    stores.ask()
    // At once: the database is closed behind this.
    void stores.now().then(() => {
      stores.stop()
      for (const writing of [...writings]) dethrone(writing)
      writings.clear()
    })
  })

  return {
    byName: Object.freeze(Object.fromEntries(names.map((name) => [name, draftsOf(name)]))),
    hear,
    take(given) {
      const mine = ending
      ending = undefined
      return mine && given ? both(mine, given) : (mine ?? given)
    },
  }
}

const both = (one: Inside, other: Inside): Inside => ({
  stores: [...one.stores, ...other.stores],
  write(store) {
    one.write(store)
    other.write(store)
  },
  keep() {
    one.keep?.()
    other.keep?.()
  },
})
