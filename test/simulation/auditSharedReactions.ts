import { messagesOf, type Network } from './deviceNetwork.ts'
import { type RawDatabase, readStore, type Storage } from './indexedDb.ts'
import { sealedBehind } from './sealedBehind.ts'
import type { SharedDevice } from './sharedReactions.ts'
import type { World } from './world.ts'

/** An event as a handler has it. */
interface Handled {
  readonly type: string
  readonly commandId: string
  readonly data: { readonly id: string }
}
/** An open event, as it is stored. */
interface Open {
  readonly reaction: string
  readonly event: Handled & { readonly sequence: number }
  readonly index: number
  readonly handler: string
  readonly attempts: number
  readonly running: string
  readonly device?: string
  readonly local?: true
  readonly done?: true
  readonly dead?: true
}
/** The part of the shared log that a device has. */
interface Known {
  head: number
  readonly commands: Set<string>
  /** The sequence of each turn. */
  readonly requested: Map<string, number>
  /** The command that ended each turn. */
  readonly ended: Map<string, string>
  open: readonly Open[]
}

/** The device whose tab requested a turn. */
const deviceOf = (id: string): number => Number(id.split(' ')[0])

/** Checks everything that is stored about reactions on devices that share a log, and reports what the contract forbids (rule 13). */
export function createSharedReactionAudit(
  w: World,
  storage: Storage,
  network: Network,
  devices: readonly SharedDevice[],
) {
  const hit = (what: string): void => w.hit(`sharedReactions: ${what}`)
  const known = new Map<string, Known>(
    devices.map(({ name }) => [
      `tidemark:${name}`,
      { head: 0, commands: new Set(), requested: new Map(), ended: new Map(), open: [] },
    ]),
  )
  const knownOn = (d: number): Known => known.get(`tidemark:${devices[d]!.name}`)!
  /** The event for which each idempotency key was used. */
  const eventOf = new Map<string, string>()
  /** Turns with a recorded attempt, by reaction and device. A holder that slept may call a turn that another holder has settled. */
  const noted = new Set<string>()
  /** The turns that each device was reminded of. */
  const reminded = devices.map(() => new Set<string>())
  const fieldOf = (raw: RawDatabase): string =>
    readStore(raw, 'meta').find(({ key }) => key === 'device')?.value as string

  const valuesOf = (raw: RawDatabase, store: string): readonly any[] =>
    raw.rawObjectStores.has(store) ? readStore(raw, store).map(({ value }) => value) : []

  function learn(raw: RawDatabase, log: Known): void {
    for (const { first, body } of [...sealedBehind(raw, log.head), ...valuesOf(raw, 'commits')]) {
      if (first !== log.head + 1) continue
      for (const { id: by, events } of JSON.parse(body)) {
        log.commands.add(by)
        for (const { type, data } of events) {
          log.head++
          if (type === 'turnRequested') log.requested.set(data.id, log.head)
          else if (type !== 'noted') log.ended.set(data.id, by)
        }
      }
    }
  }

  /** Checks an event that is no longer open: its end has to be in the shared log. */
  function checkSettled(raw: RawDatabase, log: Known, { reaction, event, index, device, dead }: Open): void {
    const { id } = event.data
    if (dead) w.fail(`rule 5: ${reaction} of ${id} was a dead letter and has left`)
    if (reaction === 'answer' && !log.ended.has(id))
      w.fail(`rule 13: ${id} was settled on ${raw.name}, and the shared log has no end of it`)
    const note = `reaction:note:${device}:${event.commandId}/${index}:run:note:1`
    if (reaction === 'note' && !log.commands.has(note))
      w.fail(`rule 13: ${note} was settled on ${raw.name}, and is not in the shared log`)
  }

  function checkOpen(raw: RawDatabase, log: Known, d: number, one: Open): void {
    const { reaction, event, local, device, running } = one
    const { id } = event.data
    if (running) noted.add(`${reaction} ${id} ${d}`)
    if (reaction !== 'note' && deviceOf(id) !== d) w.fail(`rule 13: ${reaction} of ${id} is open on ${raw.name}`)
    if (reaction === 'note' && device !== fieldOf(raw)) w.fail(`rule 13: note of ${id} is open for ${device}`)
    if (local && reaction !== 'remind') w.fail(`rule 13: ${reaction} of ${id} is open, and not in the shared log`)
    if (!local && log.requested.get(id) !== event.sequence)
      w.fail(`rule 3: ${reaction} of ${id} is open, and not in the log of ${raw.name} at ${event.sequence}`)
  }

  storage.committed = (raw, stores) => {
    const log = known.get(raw.name)
    if (!log || !(stores.has('commits') || stores.has('reactions'))) return
    if (stores.has('commits')) learn(raw, log)
    if (!stores.has('reactions')) return
    const d = devices.findIndex(({ name }) => `tidemark:${name}` === raw.name)
    const open: Open[] = valuesOf(raw, 'reactions').filter((value) => 'event' in value)
    w.say(() => `stored on ${d}: ${open.map(described)}; head ${log.head}`)
    const keys = new Set(open.map(keyOf))
    if (keys.size < open.length) w.fail(`rule 1: an event is open twice on ${raw.name}`)
    for (const one of open) checkOpen(raw, log, d, one)
    for (const one of log.open) if (!keys.has(keyOf(one))) checkSettled(raw, log, one)
    log.open = open
  }

  function uses(key: string, reaction: string, { commandId }: Handled): void {
    if ((eventOf.get(key) ?? commandId) !== commandId) w.fail(`rule 1: ${key} is used for ${commandId}, too`)
    if (!key.startsWith(`reaction:${reaction}`)) w.fail(`rule 1: ${key} is used by ${reaction}`)
    eventOf.set(key, commandId)
  }
  const checkNoted = (d: number, reaction: string, { data: { id } }: Handled): void => {
    if (!noted.has(`${reaction} ${id} ${d}`))
      w.fail(`rule 5: an attempt of ${reaction} of ${id} was not noted before it began`)
  }

  return {
    /** `answer` runs on a device. */
    asks(d: number, key: string, event: Handled): void {
      const { id } = event.data
      uses(key, 'answer:', event)
      if (key !== `reaction:answer:${event.commandId}/0`) w.fail(`rule 1: ${id} has the key ${key}`)
      if (deviceOf(id) !== d) w.fail(`rule 13: ${id} is answered on device ${d}`)
      if (!knownOn(d).requested.has(id)) w.fail(`rule 13: ${id} is answered before the shared log has it`)
      checkNoted(d, 'answer', event)
    },
    /** `note` runs on a device. */
    notes(d: number, key: string, event: Handled): void {
      uses(key, 'note:', event)
      if (!knownOn(d).requested.has(event.data.id)) w.fail(`rule 13: ${event.data.id} is noted before it is shared`)
      checkNoted(d, 'note', event)
    },
    /** `remind` runs on a device. */
    reminds(d: number, key: string, event: Handled): void {
      const { id } = event.data
      uses(key, 'remind:', event)
      if (deviceOf(id) !== d) w.fail(`rule 13: device ${d} is reminded of ${id}`)
      if (!knownOn(d).requested.has(id)) hit('reminded of what is not shared yet')
      checkNoted(d, 'remind', event)
      reminded[d]!.add(id)
    },
    /** Whether every device knows the shared log, and only dead letters are open. */
    isOver(): boolean {
      const head = messagesOf(w, network.server).at(-1)?.last ?? 0
      return [...known.values()].every((log) => log.head === head && log.open.every(({ dead }) => dead))
    },
    left(): string {
      const head = messagesOf(w, network.server).at(-1)?.last ?? 0
      return `${[...known].map(([name, log]) => `${name} at ${log.head}, open: ${log.open.map(described)}`).join('; ')}; the shared log ends at ${head}`
    },
    /** Checks the end of a run. */
    checkEnd(): void {
      const commands = messagesOf(w, network.server).flatMap(({ records }) => records.flatMap((one) => one.commands))
      const ids = new Set<string>()
      const requested = new Map<string, string>()
      const ended = new Set<string>()
      for (const { id, events, cause, device } of commands) {
        if (ids.has(id)) w.fail(`rule 1: command ${id} is in the shared log twice`)
        ids.add(id)
        const isCaused = id.startsWith('reaction:')
        if (isCaused !== (cause !== undefined)) w.fail(`rule 9: ${id} has the cause ${JSON.stringify(cause)}`)
        if (typeof device !== 'string') w.fail(`rule 13: ${id} has the device ${device}`)
        for (const { type, data } of events) {
          if (type !== 'noted') hit(type)
          if (type === 'turnRequested') requested.set(data.id, id)
          else if (type !== 'noted') {
            if (ended.has(data.id)) w.fail(`rule 1: ${data.id} ended twice`)
            ended.add(data.id)
          }
        }
      }
      for (const { d, name } of devices) {
        const raw = storage.databases.get(`tidemark:${name}`)!
        const { open } = knownOn(d)
        const dead = new Set(open.map(({ reaction, event }) => `${reaction} ${event.data.id}`))
        if (dead.size) hit('dead letter')
        for (const { event, attempts } of open)
          if (!attempts) w.fail(`rule 5: ${event.data.id} is a dead letter without an attempt`)
        for (const [id, commandId] of requested) {
          const isOwn = deviceOf(id) === d
          if (isOwn && !ended.has(id) && !dead.has(`answer ${id}`)) w.fail(`rule 5: ${id} never ended`)
          if (isOwn && !reminded[d]!.has(id) && !dead.has(`remind ${id}`))
            w.fail(`rule 13: device ${d} was never reminded of ${id}`)
          const note = `reaction:note:${fieldOf(raw)}:${commandId}/0:run:note:1`
          if (!ids.has(note) && !dead.has(`note ${id}`)) w.fail(`rule 13: device ${d} never noted ${id}`)
        }
        // The note of a command that arrived after its event was cancelled stays until the next holder.
        const isOpen = (commandId: string): boolean =>
          open.some((one) => commandId.includes(`:${one.event.commandId}/`))
        const remaining = valuesOf(raw, 'reactions').filter((value) =>
          'awaits' in value ? isOpen(value.awaits) : value.done,
        )
        if (remaining.length) w.fail(`rule 13: ${JSON.stringify(remaining)} is left on ${name}`)
        for (const { key } of readStore(raw, 'rejected'))
          if (`${key}`.startsWith('reaction:')) hit('a command of a reaction was refused')
      }
      hit('all ended')
    },
  }
}

const keyOf = ({ reaction, event, index }: Open): string => `${reaction} ${event.commandId} ${index}`
const described = ({ reaction, event, handler, attempts, running, local, done, dead }: Open): string =>
  `${reaction} ${event.data.id} ${handler} ${attempts} ${running.slice(0, 5)}${local ? ' local' : ''}${done ? ' done' : ''}${dead ? ' dead' : ''}`
