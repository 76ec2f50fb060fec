import type { CommitRecord } from '../log/commit.ts'
import type { OpenEvent } from '../log/stores.ts'
import { eventTypes } from '../model/events.ts'
import { keyOf } from './entry.ts'
import type { Held } from './held.ts'
import { causedEventsOf, openEvents } from './openEvents.ts'
import type { Place } from './place.ts'

/** Commits that hints carried and that wait to be looked at. If there are more, the log is read instead. */
const HINTED_COMMITS = 256
/** Events that open nothing are noted together, so that an append costs no more with reactions than without. */
const NOTED_EVERY = 1000

/** How a holder follows the log. */
export interface Looking {
  /** A hint carried this commit. */
  hear(commit: CommitRecord): void
  /** There may be commits that no hint carried. */
  isBehind(): void
  /** Looks at everything that the log has. */
  readOn(): Promise<void>
  /** Notes how far the log was looked at, where that is not stored at all. */
  note(): Promise<void>
  /** Every event up to here was looked at. */
  readonly scanned: number
}

export function createLooking(place: Place, held: readonly Held[]): Looking {
  const { lineage, store } = place
  const types = eventTypes(place.model.events)
  const hinted: CommitRecord[] = []
  let behind = true

  const scanned = (): number => Math.min(...held.map((one) => one.scanned))

  /** Stores what a look has changed, before anything is done about it. */
  async function write(opened: readonly OpenEvent[], closed: readonly OpenEvent[]): Promise<void> {
    const hasChanged = opened.length > 0 || closed.length > 0
    const due = held.filter(
      ({ noted, scanned }) => noted < 0 || (scanned > noted && (hasChanged || scanned - noted >= NOTED_EVERY)),
    )
    if (!hasChanged && !due.length) return
    const positions = due.map(
      ({ name, definition: { version = 1 }, scanned }) => [name, { version, lineage, scanned }] as const,
    )
    await store.write({ positions: new Map(positions), opened, closed })
    for (const [i, one] of due.entries()) one.noted = positions[i]?.[1].scanned ?? one.noted
  }

  async function look(records: readonly CommitRecord[]): Promise<void> {
    const events = records.flatMap((record) => causedEventsOf(record, types))
    const last = events.at(-1)?.event.sequence
    if (last === undefined) return
    const now = Date.now()
    const changes = held.map((one) => ({
      one,
      before: one.scanned,
      ...openEvents(one, events, one.open, now),
    }))
    for (const { one } of changes) one.scanned = Math.max(one.scanned, last)
    try {
      await write(
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

  /** What could not be stored is read again. */
  async function orBehind(step: () => Promise<void>): Promise<void> {
    try {
      await step()
    } catch (error) {
      behind = true
      throw error
    }
  }

  return {
    hear(commit) {
      if (hinted.length < HINTED_COMMITS) hinted.push(commit)
      else behind = true
    },
    isBehind() {
      behind = true
    },
    note: () => write([], []),
    async readOn() {
      for (const record of hinted.splice(0)) {
        if (record.last <= scanned()) continue
        behind ||= held.some((one) => one.scanned < record.first - 1)
        if (!behind) await orBehind(() => look([record]))
      }
      if (!behind) return
      behind = false
      await orBehind(async () => {
        for await (const records of place.readAfter(scanned())) await look(records)
      })
    },
    get scanned() {
      return scanned()
    },
  }
}
