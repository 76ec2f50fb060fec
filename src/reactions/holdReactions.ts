import { stateAfter } from '../engine/afterwards.ts'
import { EngineClosed } from '../errors.ts'
import { randomId } from '../ids.ts'
import { toWire } from '../log/wire.ts'
import { createBackoff } from '../queue.ts'
import { createBell } from '../sync/bell.ts'
import { type ActiveReaction, beginWith, type Declared, stoppedReport, takeStored } from './activeReaction.ts'
import { createAttempts, isNotOurs } from './attempts.ts'
import { reactionKeyOf } from './entry.ts'
import { createLooking } from './looking.ts'
import { LONGEST_WAIT_MS, nextUp } from './next.ts'
import type { HeardCommit, HolderPlace, Reports } from './place.ts'
import { reactionReportOf } from './report.ts'

/** Default: lanes that run at the same time. */
const CONCURRENCY = 4
/** Milliseconds before a failed read or write is tried again, doubled up to the maximum. */
const HOLDER_STORAGE_MIN_MS = 1000
const HOLDER_STORAGE_MAX_MS = 30_000

/**
 * Runs reactions as their only holder. Rejects when the place is gone, or with the error that stops this code; by then every attempt has been
 * aborted. Resolves if newer builds run all of the reactions.
 */
export async function holdReactions(place: HolderPlace, declared: Declared, booted: number): Promise<void> {
  const { store } = place
  const epoch = randomId()
  const ending = new AbortController()
  const { signal } = ending
  const leave = (): void => ending.abort(place.signal.reason)
  if (place.signal.aborted) leave()
  place.signal.addEventListener('abort', leave, { once: true })
  const bell = createBell()
  const backoff = createBackoff(HOLDER_STORAGE_MIN_MS, HOLDER_STORAGE_MAX_MS)
  let isAsked = true
  let isStale = false
  let lastReports = ''
  let setBehind = (): void => {}
  let onHeard = (_: HeardCommit): void => setBehind()
  let online = (): void => {}
  const stopListening = place.listen((heard) => {
    if (heard === 'asked' || heard === 'changed') isAsked = true
    if (heard === 'changed') isStale = true
    if (typeof heard === 'object' && 'wanted' in heard) yieldTo(heard.wanted)
    else onHeard(heard)
    bell.ring()
  })
  const hearOnline = (): void => online()
  globalThis.addEventListener?.('online', hearOnline)

  /** If two builds are open, the newer code runs. */
  function yieldTo(wanted: Readonly<Record<string, number>>): void {
    if (!declared.some(([name, { version = 1 }]) => (wanted[name] ?? 0) > version)) return
    ending.abort(new EngineClosed('closed'))
    place.remote?.leave()
  }
  try {
    const { active, stopped } = beginWith(place, declared, booted, await store.takeEpoch(epoch))
    const looking = createLooking(place, active)
    setBehind = looking.isBehind
    onHeard = (heard) => {
      if (typeof heard === 'object' && 'commit' in heard) looking.hear(heard.commit)
      else if (heard === 'local') looking.isBehindHere()
      else looking.isBehind()
    }
    online = () => {
      for (const one of active) hurry(one)
      bell.ring()
    }
    /** Nothing starts before this time of `performance.now()`. */
    let from = 0
    const trouble = (error: unknown): void => {
      from = performance.now() + backoff.next()
      for (const one of active) one.error = toWire(error)
    }
    const start = createAttempts(place, epoch, signal, {
      over: () => bell.ring(),
      failed: (error) => (isNotOurs(error) ? ending.abort(error) : trouble(error)),
    })

    const tell = (): void => {
      const now = Date.now()
      const reports: Reports = Object.fromEntries([
        ...[...stopped].map(([name, error]) => [name, stoppedReport(toWire(error))] as const),
        ...active.map((one) => [one.name, reactionReportOf(one, now)] as const),
      ])
      const text = JSON.stringify(reports)
      if (text === lastReports && !isAsked) return
      lastReports = text
      isAsked = false
      place.tell(reports, active.length ? looking.scanned : Number.MAX_SAFE_INTEGER)
    }

    /** Reads the log and stores the events that open. Returns whether both worked. */
    const readLog = async (): Promise<boolean> => {
      if (performance.now() < from) return false
      try {
        await looking.note()
        if (isStale) {
          isStale = false
          const known = await store.read()
          for (const one of active) takeStored(one, known)
        }
        await looking.readOn()
        backoff.reset()
        return true
      } catch (error) {
        signal.throwIfAborted()
        if (stateAfter(error)) throw error
        trouble(error)
        return false
      }
    }

    for (;;) {
      signal.throwIfAborted()
      bell.reset()
      let wait = LONGEST_WAIT_MS
      if (await readLog()) {
        // After the signal, no attempt may start: it would never learn that this is no longer the holder.
        signal.throwIfAborted()
        const now = Date.now()
        for (const one of active) {
          const { concurrency = CONCURRENCY } = one.definition
          const isBusy = (open: Parameters<typeof reactionKeyOf>[0]): boolean => one.busy.has(reactionKeyOf(open))
          const step = nextUp({ concurrency, open: one.open.values(), isBusy }, now)
          for (const open of step.start) start(one, open)
          wait = Math.min(wait, step.wait)
        }
      } else wait = Math.max(0, from - performance.now())
      tell()
      if (!active.length) return
      await bell.wait(wait, signal)
    }
  } finally {
    place.signal.removeEventListener('abort', leave)
    globalThis.removeEventListener?.('online', hearOnline)
    stopListening()
    ending.abort(place.signal.reason ?? new EngineClosed('closed'))
  }
}

/** Lets events have their next attempt now, without a wait. Called when the network is back. */
function hurry({ open }: ActiveReaction): void {
  for (const [key, one] of open) if (one.until && !one.running) open.set(key, { ...one, until: 0 })
}
