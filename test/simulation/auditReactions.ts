import type { Files } from './files.ts'
import { type RawDatabase, readStore, type Storage } from './indexedDb.ts'
import { sealedBehind } from './sealedBehind.ts'
import type { World } from './world.ts'

/** The mirror's file of open events. */
const REACTIONS = 'reactions.open'

/** An open event, as it is stored. */
interface Open {
  readonly event: { readonly commandId: string; readonly sequence: number; readonly data: { readonly id: string } }
  readonly index: number
  readonly handler: string
  readonly attempts: number
  readonly running: string
  readonly dead?: true
}

/** The stored state of reactions after one commit. */
interface Stored {
  readonly open: readonly Open[]
  readonly scanned: number
  readonly epoch: string
  readonly records: number
}

/**
 * Checks everything about reactions at the moment it is stored, and reports what the contract forbids. Turns are identified
 * by their ids.
 */
export function createReactionAudit(
  w: World,
  storage: Storage,
  files: Files | undefined,
  lanes: readonly string[],
  tries: number,
) {
  const hit = (what: string): void => w.hit(`reactions: ${what}`)
  /** The last event of the log, sealed or not. */
  let head = 0
  const requested = new Map<string, { readonly thread: string; readonly sequence: number }>()
  const stopped = new Map<string, number>()
  const ended: { readonly id: string; readonly by: string }[] = []
  /** The sequence of each end by a reaction. */
  const endedByReaction = new Map<string, number>()
  const over = new Set<string>()
  const commands = new Set<string>()
  /** Turns that were open at any time. */
  const opened = new Set<string>()
  /** Turns with a recorded attempt of `run`. */
  const noted = new Set<string>()
  /** The event of each idempotency key, and the key of each event. */
  const eventOf = new Map<string, string>()
  const keyOf = new Map<string, string>()
  /** The furthest position. A holder that did not learn of its own commit reads again from the position that it knows. */
  let furthest = -1
  let before: Stored = { open: [], scanned: -1, epoch: '', records: 0 }
  /** The events up to here come from a mirror. */
  let restored = 0
  /** Whether the mirror has had all events at some time since it began. */
  let isWhole = false
  /** Turns that were over in a log that was lost. The log may be lost again before it is restored. */
  const overBefore = new Set<string>()
  /** Turns of `overBefore` that a mirror, which was never whole, has restored without their ends. The restored log can't know that they are over. */
  const endsLost = new Set<string>()
  if (files)
    files.happened = (what, path) => {
      const hasEvents = [...files.files].some(([one, { length }]) => length > 0 && one.endsWith('.tidemark'))
      if (!hasEvents) isWhole = false
      else if (what === 'close' && path.endsWith(REACTIONS)) isWhole = true
    }

  const all = (raw: RawDatabase, store: string): readonly any[] =>
    raw.rawObjectStores.has(store) ? readStore(raw, store).map(({ value }) => value) : []

  function learn(raw: RawDatabase): void {
    for (const { first, body } of [...sealedBehind(raw, head), ...all(raw, 'commits')]) {
      if (first !== head + 1) continue
      for (const { id: by, events, cause } of JSON.parse(body)) {
        if (commands.has(by)) w.fail(`rule 1: command ${by} is in the log twice`)
        commands.add(by)
        const isCaused = by.startsWith('reaction:')
        if (isCaused !== (cause !== undefined)) w.fail(`rule 9: ${by} has the cause ${cause}`)
        for (const { type, data } of events) {
          head++
          hit(type)
          if (type === 'turnRequested') requested.set(data.id, { thread: data.thread, sequence: head })
          else {
            if (over.has(data.id)) w.fail(`rule 1: ${data.id} ended twice`)
            ended.push({ id: data.id, by })
            over.add(data.id)
            if (isCaused) endedByReaction.set(data.id, head)
          }
          if (type === 'turnStopped') stopped.set(data.id, head)
        }
      }
    }
  }

  function storedIn(raw: RawDatabase): Stored {
    const records = all(raw, 'reactions')
    return {
      open: records.filter((value) => 'event' in value),
      scanned: records.find((value) => 'scanned' in value)?.scanned ?? -1,
      epoch: records.find((value) => 'epoch' in value)?.epoch ?? '',
      records: records.length,
    }
  }

  function check(now: Stored): void {
    const { open, scanned, epoch, records } = now
    furthest = Math.max(furthest, scanned)
    if (before.scanned < 0 && scanned >= 0 && requested.size) hit('a position came after the first turns')
    const runningBefore = new Map(before.open.map((one) => [one.event.data.id, one.running]))
    const isOpen = new Set<string>()
    for (const one of open) {
      const { id } = one.event.data
      const { sequence } = one.event
      if (isOpen.has(id)) w.fail(`rule 1: ${id} is open twice`)
      isOpen.add(id)
      opened.add(id)
      if (requested.get(id)?.sequence !== sequence) w.fail(`rule 3: ${id} is open, and not in the log at ${sequence}`)
      if (sequence > furthest) w.fail(`rule 3: ${id} is open at ${sequence}, and the position is ${scanned}`)
      const end = endedByReaction.get(id)
      // A holder of a restored log has to read the end first.
      const isNews =
        end !== undefined && end <= restored && scanned < end && (!one.running || one.running === runningBefore.get(id))
      if (end !== undefined && !isNews) w.fail(`rule 1: ${id} was ended by a reaction and is still open`)
      const stop = stopped.get(id)
      if (stop !== undefined && stop <= scanned)
        w.fail(`rule 8: ${id} is open at ${scanned}, and was stopped at ${stop}`)
      if (!one.running || one.running === runningBefore.get(id)) continue
      if (one.running !== epoch) w.fail(`rule 6: ${id} runs for another holder than the one that is stored`)
      if (one.handler === 'run') noted.add(id)
    }
    for (const [id, { sequence }] of requested)
      if (sequence <= scanned && !isOpen.has(id) && !over.has(id) && !endsLost.has(id))
        w.fail(`rule 3: ${id} is forgotten`)
    // The position, the holder, and the boot sequence of each tab that has appended something.
    const most = isOpen.size + 2 + w.hits['reactions: tab opened']!
    if (records > most) w.fail(`rule 3: ${records} records are kept for ${isOpen.size} open events`)
  }

  storage.committed = (raw, stores) => {
    if (!stores.has('commits') && !stores.has('reactions')) return
    // Another transaction may be writing to stores that this one does not include.
    if (stores.has('commits')) learn(raw)
    const now = stores.has('reactions') ? storedIn(raw) : before
    if (stores.has('segments') && !restored && readStore(raw, 'meta').some(({ value }) => value.restored?.sequence)) {
      restored = head
      before = now
      hit('restored')
      if (now.open.length) hit('restored with open events')
      const open = new Set(now.open.map(({ event }) => event.data.id))
      if (!isWhole)
        for (const id of requested.keys()) if (overBefore.has(id) && !over.has(id) && !open.has(id)) endsLost.add(id)
    }
    w.say(
      () => `stored: ${now.open.map(described)}; scanned ${now.scanned}; head ${head}; holder ${now.epoch.slice(0, 5)}`,
    )
    check(now)
    before = now
  }

  return {
    /** Checks a call of the provider for the text of a turn. */
    asks(key: string, commandId: string, id: string): void {
      if ((eventOf.get(key) ?? commandId) !== commandId) w.fail(`rule 1: ${key} is used for ${commandId}, too`)
      if ((keyOf.get(commandId) ?? key) !== key) w.fail(`rule 1: ${commandId} has another key than ${key}`)
      eventOf.set(key, commandId)
      keyOf.set(commandId, key)
      if (!noted.has(id)) w.fail(`rule 5: an attempt of ${id} was not noted before it began`)
    },
    /** The browser loses the database. Events that its mirror does not have are lost. */
    loses(): void {
      head = 0
      furthest = -1
      restored = 0
      before = { open: [], scanned: -1, epoch: '', records: 0 }
      for (const id of over) overBefore.add(id)
      for (const all of [endsLost, requested, stopped, endedByReaction, over, commands, opened]) all.clear()
      ended.length = 0
    },
    /** Whether every request has ended. A dead letter counts as ended: all tries of `failed` died too, and no person decides here. */
    isOver(): boolean {
      const dead = before.open.filter((one) => one.dead)
      const unended = [...endsLost].filter((id) => !over.has(id))
      return dead.length === before.open.length && over.size + dead.length + unended.length === requested.size
    },
    left(): string {
      const { open, scanned } = before
      return `${open.map(described)}; position ${scanned}, head ${head}, ${requested.size - over.size} turns`
    },
    /** Checks the end of a run. */
    checkEnd(): void {
      for (const { event, handler, attempts } of before.open) {
        hit('dead letter')
        if (handler !== 'failed' || attempts !== tries - 1)
          w.fail(`rule 5: ${event.data.id} is a dead letter after ${attempts} of ${handler}`)
        opened.delete(event.data.id)
      }
      for (const id of opened) if (!over.has(id)) w.fail(`rule 5: ${id} was open and never ended`)
      for (const lane of lanes) {
        const order = ended.flatMap(({ id }) => {
          const turn = requested.get(id)
          return endedByReaction.has(id) && turn?.thread === lane ? turn.sequence : []
        })
        if (order.some((sequence, i) => sequence < (order[i - 1] ?? 0)))
          w.fail(`rule 4: the turns of ${lane} ended in the order ${order}`)
      }
      hit('all ended')
    },
  }
}

const described = ({ event, handler, attempts, running, dead }: Open): string =>
  `${event.data.id} ${handler} ${attempts} ${running.slice(0, 5)}${dead ? ' dead' : ''}`
