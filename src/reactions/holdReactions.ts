import { stateAfter } from '../engine/afterwards.ts'
import { EngineClosed } from '../errors.ts'
import { randomId } from '../ids.ts'
import type { CommitRecord } from '../log/commit.ts'
import type { OpenEvent } from '../log/stores.ts'
import { toWire, type WireError } from '../log/wire.ts'
import { eventTypes } from '../model/events.ts'
import { createBackoff } from '../queue.ts'
import { createBell } from '../sync/bell.ts'
import { afterDeath, afterFailure } from './afterAttempt.ts'
import { attempt } from './attempt.ts'
import { keyOf } from './entry.ts'
import { LONGEST_WAIT_MS, nextUp } from './next.ts'
import { causedEventsOf, openEvents } from './openEvents.ts'
import type { Place, Reports } from './place.ts'
import { reportOf } from './report.ts'
import type { AnyDefinition } from './types.ts'

/** Lanes that run at the same time, unless the reaction says otherwise. */
const CONCURRENCY = 4
/** Commits that hints carried and that wait to be looked at. If there are more, the log is read instead. */
const HINTED_MOST = 256
/** Events that open nothing are noted together, so that an append costs no more with reactions than without. */
const NOTED_EVERY = 1000
/** Milliseconds before something that could not be stored is tried again, doubled up to the maximum. */
const RETRY_MIN_MS = 1000
const RETRY_MAX_MS = 30_000

/** One reaction, as its holder knows it. */
interface Held {
  readonly name: string
  readonly definition: AnyDefinition
  /** By their keys, in the order of the log. */
  readonly open: Map<string, OpenEvent>
  /** Attempts that are under way, by the keys of their events. */
  readonly busy: Map<string, AbortController>
  scanned: number
  /** The position that is stored. */
  noted: number
  error?: WireError | undefined
}

/**
 * Runs reactions as their only holder. Resolves or rejects when the place is gone, or when this code can't go on; every attempt has been
 * aborted then.
 */
export async function holdReactions(
  place: Place,
  declared: readonly (readonly [string, AnyDefinition])[],
  booted: number,
): Promise<void> {
  const { model, store } = place
  const types = eventTypes(model.events)
  const epoch = randomId()
  const ending = new AbortController()
  const { signal } = ending
  const end = (reason: unknown): void => ending.abort(reason)
  const leave = (): void => end(place.signal.reason)
  if (place.signal.aborted) leave()
  place.signal.addEventListener('abort', leave, { once: true })

  const bell = createBell()
  const backoff = createBackoff(RETRY_MIN_MS, RETRY_MAX_MS)
  const hinted: CommitRecord[] = []
  let isBehind = true
  let isAsked = true
  let told = ''
  const stopListening = place.listen((news) => {
    if (news === 'asked') isAsked = isBehind = true
    else if (news === 'more' || hinted.length >= HINTED_MOST) isBehind = true
    else hinted.push(news.commit)
    bell.ring()
  })
  const online = (): void => {
    for (const { open } of held)
      for (const [key, one] of open) if (one.until && !one.running) open.set(key, { ...one, until: 0 })
    bell.ring()
  }
  globalThis.addEventListener?.('online', online)
  let held: Held[] = []

  /** Where the last holder was. */
  async function begin(): Promise<void> {
    const known = await store.begin(epoch)
    held = declared.map(([name, definition]) => {
      const position = known.positions.get(name)
      const isKnown = position?.lineage === place.lineage
      const scanned = isKnown ? position.scanned : definition.from === 'start' ? 0 : booted
      const open = new Map<string, OpenEvent>()
      for (const one of known.open) if (one.reaction === name) open.set(keyOf(one), recover(one, definition))
      return {
        name,
        definition,
        open,
        busy: new Map(),
        scanned: Math.max(scanned, place.base),
        noted: isKnown ? position.scanned : -1,
      }
    })
    await note([], [])
  }

  /** An open event of the last holder, as this one goes on with it. */
  function recover(open: OpenEvent, definition: AnyDefinition): OpenEvent {
    const event = { ...open.event, ...types.today(open.event, open.event.sequence) }
    const today: OpenEvent = { ...open, event }
    if (open.running) return afterDeath(today, definition)
    if (open.handler === 'failed' && !definition.failed) return { ...today, dead: true }
    return open.handler === 'lost' && !definition.lost ? { ...today, handler: 'run' } : today
  }

  /** Stores what a look at the log has changed. */
  async function note(opened: readonly OpenEvent[], closed: readonly OpenEvent[]): Promise<void> {
    const hasChanged = opened.length > 0 || closed.length > 0
    const due = held.filter(
      ({ noted, scanned }) => scanned > noted && (hasChanged || noted < 0 || scanned - noted >= NOTED_EVERY),
    )
    if (!hasChanged && !due.length) return
    const { lineage } = place
    const positions = due.map(
      ({ name, definition: { version = 1 }, scanned }) => [name, { version, lineage, scanned }] as const,
    )
    await store.write({ positions: new Map(positions), opened, closed })
    for (const [i, one] of due.entries()) one.noted = positions[i]?.[1].scanned ?? one.noted
  }

  /** Looks at the next commits of the log. What they open and cancel is stored before anything is done about it. */
  async function look(records: readonly CommitRecord[]): Promise<void> {
    const events = records.flatMap((record) => causedEventsOf(record, types))
    const last = events.at(-1)?.event.sequence
    if (last === undefined) return
    const now = Date.now()
    const changes = held.map((one) => ({
      one,
      before: one.scanned,
      ...openEvents(one, events, one.open.values(), now),
    }))
    for (const { one } of changes) one.scanned = Math.max(one.scanned, last)
    try {
      await note(
        changes.flatMap(({ opened }) => opened),
        changes.flatMap(({ cancelled }) => cancelled),
      )
    } catch (error) {
      for (const { one, before } of changes) one.scanned = before
      throw error
    }
    for (const { one, opened, cancelled } of changes) {
      for (const open of cancelled) {
        one.open.delete(keyOf(open))
        one.busy.get(keyOf(open))?.abort(new DOMException('The event was cancelled.', 'AbortError'))
      }
      for (const open of opened) one.open.set(keyOf(open), open)
    }
  }

  const scanned = (): number => Math.min(...held.map((one) => one.scanned))

  async function readOn(): Promise<void> {
    for (const record of hinted.splice(0)) {
      const at = scanned()
      if (record.last <= at) continue
      if (isBehind || record.first !== at + 1) isBehind = true
      else await look([record])
    }
    if (!isBehind) return
    isBehind = false
    try {
      for await (const records of place.readAfter(scanned())) await look(records)
    } catch (error) {
      isBehind = true
      throw error
    }
  }

  /** An attempt is noted before it begins: one that a later holder finds has died. */
  async function start(one: Held, waiting: OpenEvent): Promise<void> {
    const key = keyOf(waiting)
    const abort = new AbortController()
    const giveUp = (): void => abort.abort(signal.reason)
    signal.addEventListener('abort', giveUp, { once: true })
    one.busy.set(key, abort)
    const open: OpenEvent = { ...waiting, running: epoch }
    try {
      if (!(await keep(one, waiting, open))) return
      await settle(one, open, await outcomeOf(one, open, abort.signal), abort.signal)
    } catch (error) {
      // It could not be stored: it stays noted as under way, and is tried again as what it is.
      if (error instanceof EngineClosed) end(error)
      else if (!signal.aborted) trouble(error)
    } finally {
      signal.removeEventListener('abort', giveUp)
      one.busy.delete(key)
      bell.ring()
    }
  }

  async function outcomeOf(
    one: Held,
    open: OpenEvent,
    aborted: AbortSignal,
  ): Promise<{ readonly error: unknown } | undefined> {
    try {
      await attempt(place, one.definition, open, aborted)
    } catch (error) {
      return { error }
    }
  }

  async function settle(
    one: Held,
    open: OpenEvent,
    failure: { readonly error: unknown } | undefined,
    aborted: AbortSignal,
  ): Promise<void> {
    // Cancelled, or another holder's.
    if (aborted.aborted) return
    if (!failure) return void (await keep(one, open, undefined))
    one.error = toWire(failure.error)
    const isOffline = globalThis.navigator?.onLine === false
    const after = afterFailure(open, failure.error, one.definition, {
      now: Date.now(),
      chance: Math.random(),
      isOffline,
    })
    await keep(one, open, after)
  }

  /** Stores what became of an event, and knows it only then. False if it was settled or cancelled meanwhile. */
  async function keep(one: Held, open: OpenEvent, by: OpenEvent | undefined): Promise<boolean> {
    const key = keyOf(open)
    const isOpen = (await store.replace(open, by)) && one.open.has(key)
    if (isOpen && by) one.open.set(key, by)
    else one.open.delete(key)
    return isOpen
  }

  /** Nothing begins before then, by `performance.now()`. */
  let from = 0
  function trouble(error: unknown): void {
    from = performance.now() + backoff.next()
    for (const one of held) one.error = toWire(error)
  }

  function tell(): void {
    const now = Date.now()
    const reports: Reports = Object.fromEntries(
      held.map((one) => [one.name, reportOf(one.open.values(), (open) => one.busy.has(keyOf(open)), now, one.error)]),
    )
    const text = JSON.stringify(reports)
    if (text === told && !isAsked) return
    told = text
    isAsked = false
    place.tell(reports, scanned())
  }

  try {
    await begin()
    for (;;) {
      signal.throwIfAborted()
      bell.reset()
      let wait = LONGEST_WAIT_MS
      if (performance.now() >= from) {
        try {
          await readOn()
          backoff.reset()
        } catch (error) {
          signal.throwIfAborted()
          if (stateAfter(error)) throw error
          trouble(error)
        }
      }
      const now = Date.now()
      for (const one of performance.now() >= from ? held : []) {
        const { concurrency = CONCURRENCY } = one.definition
        const step = nextUp({ concurrency, open: one.open.values(), isBusy: (open) => one.busy.has(keyOf(open)) }, now)
        for (const open of step.start) void start(one, open)
        wait = Math.min(wait, step.wait)
      }
      tell()
      const paused = from - performance.now()
      await bell.wait(Math.max(0, paused > 0 ? Math.min(wait, paused) : wait), signal)
    }
  } finally {
    place.signal.removeEventListener('abort', leave)
    globalThis.removeEventListener?.('online', online)
    stopListening()
    end(place.signal.reason)
  }
}
