import type { CommitRecord } from '../log/commit.ts'
import type { OpenEvent } from '../log/stores.ts'
import { eventTypes } from '../model/events.ts'
import type { ActiveReaction } from './activeReaction.ts'
import { reactionKeyOf } from './entry.ts'
import { causedEvents, causedEventsOf, type Opening, openEvents } from './openEvents.ts'
import type { HolderPlace, UnconfirmedCommands } from './place.ts'
import { type Changed, confirmedAs, type StoredChange, settledBefore } from './store.ts'

/** The most hinted commits that wait. If there are more, the log is read instead. */
const HINTED_COMMITS = 256
/** Events that open nothing before the position is stored again, so that an append costs no more with reactions than without. */
const NOTED_EVERY = 1000

/** How a holder follows the log. */
export interface LogFollower {
  /** A hint carried this commit. */
  hear(commit: CommitRecord): void
  /** There may be commits that no hint carried. */
  isBehind(): void
  /** The commands that wait for the remote have changed. */
  isBehindHere(): void
  /** Opens, cancels and settles events up to the end of the log. */
  readOn(): Promise<void>
  /** Stores the dead letters that the last holder left, and the positions of reactions that have none. */
  note(): Promise<void>
  /** The sequence up to which the log was read. */
  readonly scanned: number
}

/** Takes the stored state of an event into memory. */
function become(one: ActiveReaction, open: OpenEvent, changed: Changed): void {
  const key = reactionKeyOf(open)
  const now = changed.get(open)
  if (now && one.open.has(key)) one.open.set(key, now)
  else one.open.delete(key)
}

/** Is it this attempt's own command that settles the event? Then the command's append has removed the event. */
const isOwn = ({ busy }: ActiveReaction, [open, by]: Opening['settled'][number]): boolean =>
  !!busy.get(reactionKeyOf(open))?.settling.has(by)

const cancelAttempt = ({ busy }: ActiveReaction, open: OpenEvent): void =>
  busy.get(reactionKeyOf(open))?.abort.abort(new DOMException('The event was cancelled.', 'AbortError'))

export function createLooking(place: HolderPlace, active: readonly ActiveReaction[]): LogFollower {
  const { lineage, store, remote } = place
  const types = eventTypes(place.model.events)
  const hinted: CommitRecord[] = []
  let behind = true
  const early = active.filter(({ definition }) => remote && definition.local)
  let behindHere = early.length > 0
  let died = new Map(active.flatMap((one) => one.died.map((open): [OpenEvent, StoredChange] => [open, () => open])))

  const scanned = (): number => Math.min(...active.map((one) => one.scanned))

  /** Stores changes of open events, before any attempt starts or aborts. */
  async function write(
    opened: readonly OpenEvent[],
    closed: readonly OpenEvent[],
    changed: ReadonlyMap<OpenEvent, StoredChange> = new Map(),
  ): Promise<Changed> {
    const hasChanged = opened.length > 0 || closed.length > 0 || changed.size > 0
    const due = active.filter(
      ({ noted, scanned }) => noted < 0 || (scanned > noted && (hasChanged || scanned - noted >= NOTED_EVERY)),
    )
    if (!hasChanged && !due.length) return new Map()
    const positions = due.map(
      ({ name, definition: { version = 1 }, scanned }) => [name, { version, lineage, scanned }] as const,
    )
    const outcome = await store.write({ positions: new Map(positions), opened, closed, changed })
    for (const [i, one] of due.entries()) one.noted = positions[i]?.[1].scanned ?? one.noted
    return outcome
  }

  async function scan(records: readonly CommitRecord[]): Promise<void> {
    const events = records.flatMap((record) => causedEventsOf(record, types))
    const last = events.at(-1)?.event.sequence
    if (last === undefined) return
    const now = Date.now()
    const changes = active.map((one) => {
      const { settled, ...opening } = openEvents({ ...one, device: remote?.device }, events, one.open, now)
      // A log that came from a mirror or a remote may be ahead of the stored state of its open events.
      const over = settled.flatMap((each) => (isOwn(one, each) ? [] : each[0]))
      return { one, before: one.scanned, ...opening, over }
    })
    for (const { one } of changes) one.scanned = Math.max(one.scanned, last)
    let changed: Changed
    try {
      changed = await write(
        changes.flatMap(({ opened }) => opened),
        changes.flatMap(({ cancelled, over }) => [...cancelled, ...over]),
        new Map(changes.flatMap(({ confirmed }) => confirmed.map(([open, event]) => [open, confirmedAs(event)]))),
      )
    } catch (error) {
      for (const { one, before } of changes) one.scanned = before
      throw error
    }
    for (const { one, opened, cancelled, confirmed, over } of changes) {
      for (const [open] of confirmed) become(one, open, changed)
      // The outcome of a running attempt is not stored any more.
      for (const open of over) if (!one.busy.has(reactionKeyOf(open))) one.open.delete(reactionKeyOf(open))
      for (const open of cancelled) {
        one.open.delete(reactionKeyOf(open))
        cancelAttempt(one, open)
      }
      for (const open of opened) one.open.set(reactionKeyOf(open), open)
    }
  }

  /** Opens and cancels events by the commands of this device that the shared log does not have yet. */
  async function lookHere({ base, commands }: UnconfirmedCommands): Promise<void> {
    const events = causedEvents(commands, base + 1, types)
    const ids = new Set(commands.map(({ id }) => id))
    const now = Date.now()
    const changes = early.map((one) => {
      const { opened, cancelled } = openEvents({ ...one, device: remote?.device }, events, one.open, now, true)
      const refused = [...one.open.values()].filter(({ local, event }) => local && !ids.has(event.commandId))
      // Cancelled events in the shared log are settled. The others are kept until they are there.
      const before = cancelled.filter(({ local }) => local)
      return { one, opened, before, over: [...refused, ...cancelled.filter(({ local }) => !local)] }
    })
    const changed = await write(
      changes.flatMap(({ opened }) => opened),
      changes.flatMap(({ over }) => over),
      new Map(changes.flatMap(({ before }) => before.map((open) => [open, settledBefore]))),
    )
    for (const { one, opened, before, over } of changes) {
      for (const open of before) become(one, open, changed)
      for (const open of over) one.open.delete(reactionKeyOf(open))
      for (const open of [...before, ...over]) cancelAttempt(one, open)
      for (const open of opened) one.open.set(reactionKeyOf(open), open)
    }
  }

  /** Runs a step. If its changes can't be stored, the log is read again later. */
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
    isBehindHere() {
      behindHere = early.length > 0
    },
    async note() {
      await write([], [], died)
      died = new Map()
    },
    async readOn() {
      for (const record of hinted.splice(0)) {
        if (record.last <= scanned()) continue
        behind ||= active.some((one) => one.scanned < record.first - 1)
        if (!behind) await orBehind(() => scan([record]))
      }
      while (behind || behindHere) {
        if (behind) {
          behind = false
          await orBehind(async () => {
            for await (const records of place.readAfter(scanned())) await scan(records)
          })
        }
        const here = early.length ? await remote?.unconfirmed() : undefined
        if (!here) return
        behindHere = false
        // Reads the shared log first: commands that entered it meanwhile are missing here, but they are not refused.
        if (here.base > scanned()) behind = behindHere = true
        else await orBehind(() => lookHere(here))
      }
    },
    get scanned() {
      return scanned()
    },
  }
}
