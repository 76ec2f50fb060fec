import { InvalidData } from '../errors.ts'
import type { DraftHint } from '../log/channel.ts'
import { DraftOver } from './draftOver.ts'
import { createEnding, type EndDraft } from './ending.ts'
import { holdEpoch, isWritten } from './epochLock.ts'
import { createShelf } from './shelf.ts'
import { createStoring } from './storing.ts'
import { createTelling } from './telling.ts'
import type { DraftHost, Drafts, DraftText, DraftWriter, OpenDrafts } from './types.ts'
import {
  appendText,
  createWriting,
  type DraftWriting,
  dethrone,
  draftHeaderOf,
  nextPiece,
  noteStored,
} from './writing.ts'

/** Opens the drafts of one engine, in a page or in a worker. */
export function openDrafts(host: DraftHost, names: readonly string[]): OpenDrafts {
  const { name: log, ended } = host
  const shelf = createShelf(host)
  const { writings, followed, storeOf, post } = shelf
  const tells = createTelling(shelf)
  const stores = createStoring(shelf, tells.ask)
  const { end, withDeletion } = createEnding(shelf, stores, abandon)

  /** Ends an attempt without an event. Its text stays as an abandoned draft. */
  function abandon(writing: DraftWriting): Promise<void> {
    if (writing.state === 'over') return Promise.resolve()
    writing.state = 'abandoned'
    writing.leaving = leave(writing)
    return writing.leaving
  }

  async function leave(writing: DraftWriting): Promise<void> {
    stores.ask()
    await stores.now()
    // If it could not be stored, the text stays in memory.
    // The compiler does not know that the state may have changed during the await.
    if ((writing.state as DraftWriting['state']) !== 'abandoned') return
    writing.lock.release()
    tells.tellAbandoned(writing)
    if (writing.stored === writing.text.length || writing.dropped) shelf.forget(writing).keep(writing)
    else shelf.getOrFollow(writing.name, writing.id).changed()
  }

  /** Checks, after a hint, whether another attempt has replaced this one. */
  async function verify(writing: DraftWriting): Promise<void> {
    const { name, id, epoch, stored } = writing
    if (stored === undefined || (await storeOf().has(name, id, epoch))) return
    // A draft that is being ended checks this itself.
    if (writing.state !== 'ending') shelf.lose(writing)
  }

  function writerOf(writing: DraftWriting): DraftWriter {
    return Object.freeze({
      signal: writing.over.signal,
      append(text: string) {
        if (writing.state !== 'open' || !appendText(writing, text)) return
        stores.ask()
        tells.ask()
      },
      end: <R>(fn: EndDraft<R>) => end(writing, fn),
      async discard() {
        if (writing.state !== 'open' && writing.state !== 'abandoned') return
        writing.state = 'ending'
        try {
          await stores.now()
          const { name, id, epoch, stored } = writing
          await storeOf().remove(name, id, stored === undefined ? undefined : epoch)
        } catch (error) {
          await abandon(writing)
          throw error
        }
        shelf.finish(writing)
      },
    })
  }

  function begin(name: string, id: string, given: unknown, signal?: AbortSignal): DraftWriter {
    if (host.refusal) throw host.refusal
    ended.throwIfAborted()
    signal?.throwIfAborted()
    const writing = createWriting(log, name, id, draftHeaderOf(id, given))
    shelf.enter(writing).changed()
    writing.lock.granted.then(stores.ask)
    const giveUp = (): void => {
      if (writing.state === 'open') void abandon(writing)
    }
    signal?.addEventListener('abort', giveUp, { once: true, signal: writing.over.signal })
    return writerOf(writing)
  }

  /** Takes over an abandoned draft: begins a new attempt with its text. */
  async function takeOver(name: string, id: string): Promise<DraftWriting> {
    await shelf.find(name, id)?.writing?.leaving
    const own = shelf.find(name, id)?.writing
    if (own?.state === 'abandoned') {
      // It could not be stored, so it exists only in this page or worker.
      own.lock = holdEpoch(log, own.epoch)
      own.state = 'open'
      return own
    }
    const [found] = await storeOf().read(name, id)
    if (!found || own || (await isWritten(log, found.epoch))) throw new DraftOver(name, id)
    const writing = createWriting(log, name, id, found.header, [found.epoch])
    appendText(writing, found.text)
    await writing.lock.granted
    const piece = nextPiece(writing)!
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
    shelf.enter(writing).changed()
    return writing
  }

  const draftsOf = (name: string): Drafts<any> =>
    Object.freeze<Drafts<any>>({
      get: (id) => shelf.getOrFollow(name, id).get(),
      subscribe: (id, listener) => shelf.getOrFollow(name, id).subscribe(listener),
      async list() {
        await stores.now()
        const found = await storeOf().read(name)
        return Promise.all(
          found.map(async ({ id, epoch, header, text }): Promise<DraftText<any>> => {
            const own = shelf.find(name, id)
            if (own?.writing) return own.get()
            const state = (await isWritten(log, epoch)) ? 'live' : 'abandoned'
            // A header is a plain object, as `draftHeaderOf` has checked.
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
        const own = shelf.find(name, id)?.writing
        if (own) return writerOf(own).discard()
        const [found] = await storeOf().read(name, id)
        if (!found) return
        await storeOf().remove(name, id)
        shelf.find(name, id)?.clear()
        post({ name, id, epoch: found.epoch, stored: 0, over: true })
      },
    })

  /** Receives a hint from another tab. If it is about a draft that is written here, looks who writes it now. */
  function hear(hint: DraftHint): void {
    const one = shelf.find(hint.name, hint.id)
    const { writing } = one ?? {}
    if (!writing) one?.hear(hint)
    else if (hint.over || (hint.epoch !== writing.epoch && writing.rival !== hint.epoch)) {
      writing.rival = hint.epoch
      verify(writing).catch(() => {})
    }
  }

  const readAll = (): void => {
    for (const { writing, readStored } of followed.values()) if (!writing) readStored()
  }
  /** A page in the back/forward cache holds no locks. Other tabs see its drafts as abandoned and may take them over. */
  const putAway = ({ persisted }: { readonly persisted?: boolean }): void => {
    void stores.now()
    if (!persisted) return
    for (const { lock } of writings) lock.release()
    for (const { rest } of followed.values()) rest()
  }
  const comeBack = ({ persisted }: { readonly persisted?: boolean }): void => {
    if (!persisted) return
    for (const writing of writings) {
      if (writing.state !== 'abandoned') writing.lock = holdEpoch(log, writing.epoch)
      verify(writing).catch(() => {})
    }
    readAll()
  }
  const events = [
    ['focus', readAll],
    ['pagehide', putAway],
    ['pageshow', comeBack],
  ] as const
  // The compiler can't see that each listener gets the event that it is paired with.
  for (const [type, listener] of events) globalThis.addEventListener?.(type, listener as EventListener)

  ended.addEventListener('abort', () => {
    // The compiler can't see that each listener gets the event that it is paired with.
    for (const [type, listener] of events) globalThis.removeEventListener?.(type, listener as EventListener)
    for (const { rest } of followed.values()) rest()
    tells.stop()
    stores.rest()
    for (const writing of writings) tells.tellAbandoned(writing)
    stores.ask()
    // Starts at once, because the database is closed right after this.
    void stores.now().then(() => {
      stores.stop()
      for (const writing of [...writings]) dethrone(writing)
      writings.clear()
    })
  })

  return {
    byName: Object.freeze(Object.fromEntries(names.map((name) => [name, draftsOf(name)]))),
    hear,
    withDeletion,
  }
}
