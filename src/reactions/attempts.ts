import { EngineClosed } from '../errors.ts'
import type { OpenEvent } from '../log/stores.ts'
import { toWire } from '../log/wire.ts'
import type { ActiveReaction, RunningAttempt } from './activeReaction.ts'
import { afterFailure } from './afterAttempt.ts'
import { attempt, shownAt } from './attempt.ts'
import { reactionKeyOf } from './entry.ts'
import type { HolderPlace } from './place.ts'

/** What attempts report to their holder. */
interface Heard {
  /** An attempt is over. */
  over(): void
  /** The outcome of an attempt could not be stored. */
  failed(error: unknown): void
}

/** Returns the function that starts an attempt. Every attempt ends with `signal`. */
export function createAttempts(
  place: HolderPlace,
  epoch: string,
  signal: AbortSignal,
  heard: Heard,
): (one: ActiveReaction, open: OpenEvent) => void {
  const { store } = place

  /** An attempt is noted before it starts. If a later holder finds the note, the attempt has died. */
  async function run(one: ActiveReaction, { awaits, ...waiting }: OpenEvent, running: RunningAttempt): Promise<void> {
    const { abort } = running
    const open: OpenEvent = { ...waiting, running: epoch }
    // An event with `awaits` has ended with a command. Only the shared log's answer is missing.
    if (awaits === undefined) {
      // A holder that dies while it waits for the rows has not started the attempt.
      await place.readAt(shownAt(open))
      if (abort.signal.aborted || !(await keep(one, waiting, open))) return
    }
    let failure: { readonly error: unknown } | undefined
    try {
      if (awaits === undefined) await attempt(place, one.definition, open, running)
      else await place.remote?.verdict(awaits, abort.signal)
    } catch (error) {
      failure = { error }
    }
    // Another holder has taken over.
    if (signal.aborted) return
    if (abort.signal.aborted) {
      // The event was cancelled. A command that was to settle it may have been stored meanwhile: remove its mark.
      if (place.remote) await store.replace(open, undefined)
      return
    }
    if (failure) one.error = toWire(failure.error)
    await keep(one, open, failure && !running.isOver ? next(one, open, failure.error) : undefined)
  }

  const next = ({ definition }: ActiveReaction, open: OpenEvent, error: unknown): OpenEvent =>
    afterFailure(open, error, definition, {
      now: Date.now(),
      chance: Math.random(),
      isOffline: globalThis.navigator?.onLine === false,
    })

  /** Stores the new state of an event, then takes it into memory. Returns false if the event was settled or cancelled meanwhile. */
  async function keep(one: ActiveReaction, open: OpenEvent, by: OpenEvent | undefined): Promise<boolean> {
    const key = reactionKeyOf(open)
    const { isOpen, now } = await store.replace(open, by)
    const isKept = isOpen && one.open.has(key)
    if (isKept && now) one.open.set(key, now)
    else one.open.delete(key)
    return isKept
  }

  return (one, waiting) => {
    const key = reactionKeyOf(waiting)
    const abort = new AbortController()
    const giveUp = (): void => abort.abort(signal.reason)
    signal.addEventListener('abort', giveUp, { once: true })
    const running: RunningAttempt = { abort, settling: new Set() }
    one.busy.set(key, running)
    const over = run(one, waiting, running)
      // The event stays noted as running, and is tried again with the same handler.
      .catch((error) => !signal.aborted && heard.failed(error))
      .finally(() => {
        signal.removeEventListener('abort', giveUp)
        one.busy.delete(key)
        heard.over()
      })
    place.stay(over)
  }
}

/** Another holder has taken over, or the log was replaced. */
export const isNotOurs = (error: unknown): boolean => error instanceof EngineClosed
