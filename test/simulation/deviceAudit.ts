import { decidePlain, emptyState, foldPlain, type State } from './app.ts'
import type { Device, Devices, DeviceTab, SentCommand } from './deviceActs.ts'
import { messagesOf } from './deviceNetwork.ts'
import { type RawDatabase, readStore } from './indexedDb.ts'
import { Violation } from './world.ts'

/** The checks of devices with a remote between them, once all is quiet. */

/** undefined until the database has its stores. */
export function databaseOf({ storage }: Devices, { name }: Device): RawDatabase | undefined {
  const database = storage.databases.get(`tidemark:${name}`)
  return database?.rawObjectStores.has('outbox') ? database : undefined
}
export const headOf = (database: RawDatabase): number =>
  Math.max(0, readStore(database, 'segments').at(-1)?.key ?? 0, readStore(database, 'commits').at(-1)?.value.last ?? 0)
/** The marker, and the records above it. */
export const outboxOf = (database: RawDatabase) => {
  const all = readStore(database, 'outbox').filter(({ key }) => key >= 0)
  const marker = all.findLast(({ value }) => 'base' in value)
  return { marker: marker?.value, records: all.filter(({ key }) => !marker || key > marker.key) }
}

/** Checked at each commit: segments have neither gaps nor overlaps, and the commands in the outbox were decided on the whole log. */
export function auditCommit({ w }: Devices, database: RawDatabase, stores: ReadonlySet<string>): void {
  if (stores.has('segments')) {
    let end = 0
    for (const { key, value } of readStore(database, 'segments')) {
      if (value.first !== end + 1) w.fail(`a segment of ${database.name} begins at ${value.first}, behind ${end}`)
      end = key
    }
    if (stores.has('sent')) w.hit('devices: sealed by a take')
  }
  if (!stores.has('commits') && !stores.has('outbox')) return
  const { marker } = outboxOf(database)
  if (marker && marker.base !== headOf(database))
    w.fail(`the outbox of ${database.name} is decided on ${marker.base}; the log ends at ${headOf(database)}`)
}

/** The tabs to check. An engine that ended by itself has nothing to check. */
export const living = ({ tabs }: Device) =>
  tabs.filter(({ actor, closed, engine }) => actor.alive && !closed && engine?.status.state !== 'closed')

/** The rows that a tab shows. */
export const rowsOf = ({ read }: NonNullable<DeviceTab['engine']>): string =>
  read.items
    .all()
    .map(({ k, n }) => `${k}${n}`)
    .join()

/** Checked at each step: a tab shows the rows that it has told its subscribers, also in the middle of a refold (rule 13). */
export function auditShown({ w, devices }: Devices): void {
  for (const device of devices)
    for (const { actor, engine, told } of living(device))
      if (engine && rowsOf(engine) !== told)
        w.violation ??= new Violation(`rule 13: ${actor.name} shows ${rowsOf(engine)} and has told ${told}`)
}

/** Whether all is quiet: nothing waits, and every device has read everything. */
export function isAgreed(all: Devices): boolean {
  const { devices, open, network } = all
  for (const one of open) if (!one.actor.alive) open.delete(one)
  if (open.size || !network.isQuiet) return false
  let last: string | undefined
  return devices.every((device) => {
    const database = databaseOf(all, device)
    if (!database) return true
    if (!living(device).every(({ engine }) => engine?.status.sync?.pending === 0)) return false
    const { marker, records } = outboxOf(database)
    last ??= messagesOf(all.w, network.server).at(-1)?.id ?? ''
    const head = headOf(database)
    return (
      marker?.last === last &&
      !records.length &&
      living(device).every(({ engine }) => engine && engine.status.sequence === head)
    )
  })
}

export const isForked = ({ devices }: Devices): boolean =>
  devices.some((device) =>
    living(device).some(({ engine }) => ['forked', 'gone', 'other-log'].includes(engine?.status.sync?.state ?? '')),
  )

/** The state of each device, for the message that they never agree. */
export const stateOf = (all: Devices): string =>
  all.devices
    .map((device) => {
      const database = databaseOf(all, device)
      const { marker, records } = database ? outboxOf(database) : { marker: undefined, records: [] }
      const status = device.tabs
        .filter(({ actor }) => actor.alive)
        .map(({ actor, closed, engine }) => {
          const s = engine?.status
          return `${actor.name}${closed ? ' closed' : ''} ${s?.state} at ${s?.sequence}, ${s?.pending} pending, ${s?.behind?.error ?? s?.lastError ?? ''} ${JSON.stringify(s?.sync)} ${s?.sync?.error ?? ''}`
        })
      return `${device.name}: base ${marker?.base}, ${records.length} records, ${status}`
    })
    .join('; ')

interface Shared {
  readonly head: number
  readonly state: State
  /** The head on which each command was decided. */
  readonly inLog: ReadonlyMap<string, number>
  readonly states: ReadonlyMap<number, State>
  readonly ids: readonly string[]
}

export function auditAll(all: Devices): void {
  const shared = auditLog(all)
  for (const device of all.devices) auditDevice(all, device, shared)
  auditSent(all, shared)
  all.w.hit('devices: agreed')
}

/** S2 and S5: the log is decided again from its messages. */
function auditLog({ w, sent, network }: Devices): Shared {
  const commandsOf = new Map<string, SentCommand[]>()
  for (const one of sent) commandsOf.set(one.id, [...(commandsOf.get(one.id) ?? []), one])
  const inLog = new Map<string, number>()
  const states = new Map<number, State>([[0, emptyState]])
  const ids: string[] = []
  let state: State = emptyState
  let head = 0
  const plain = (some: readonly any[]) =>
    JSON.stringify(some.map(({ type, data }) => ({ type, data: data?.k ?? data?.n })))
  for (const { records } of messagesOf(w, network.server))
    for (const { id: record, commands } of records) {
      ids.push(record)
      for (const { id, events } of commands) {
        if (inLog.has(id)) w.fail(`S5: command ${id} is in the log twice`)
        inLog.set(id, head)
        const those = commandsOf.get(id)
        const isRight = ({ command }: SentCommand): boolean => {
          const decided = decidePlain(1, command, state)
          return 'events' in decided && plain(decided.events) === plain(events)
        }
        if (those && !those.some(isRight))
          w.fail(`S2: ${id} (${those[0]!.command.name}) was decided on another state than that of ${head}`)
        state = foldPlain(state, events, head + 1)
        head += events.length
      }
      states.set(head, state)
    }
  return { head, state, inLog, states, ids }
}

/** S3 and S4: the log, the rows and the refused commands of this device. */
function auditDevice(all: Devices, device: Device, { head, state, inLog, states, ids }: Shared): void {
  const { w, goesBack } = all
  const database = databaseOf(all, device)
  if (!database) return
  if (headOf(database) !== head) w.fail(`S4: ${device.name} ends at ${headOf(database)}, the shared log at ${head}`)
  const own = readStore(database, 'commits').map(({ value }) => value.id)
  if (ids.slice(ids.length - own.length).join() !== own.join()) w.fail(`S4: ${device.name} has other records`)
  for (const { key, value } of readStore(database, 'rejected')) {
    w.hit('devices: rejected')
    const conflict = value.error.name === 'CommandIdConflict'
    if (inLog.has(key) && !conflict) w.fail(`S1: ${key} is in the log and rejected on ${device.name}`)
    if (conflict) continue
    const at = states.get(value.sequence)
    if (!at) w.fail(`S3: ${key} was refused at ${value.sequence}, which is no head`)
    else if (!goesBack && !('rejected' in decidePlain(1, { name: value.name, input: value.input }, at)))
      w.fail(`S3: ${key} (${value.name}) was refused at ${value.sequence}, where it is accepted`)
  }
  for (const { actor, engine } of living(device)) {
    if (engine?.status.state !== 'ready') continue
    const shown = rowsOf(engine)
    const wanted = state['items@1']!.rows.map(([k, n]) => `${k}${n}`)
    if (shown !== wanted.join()) w.fail(`S4: ${actor.name} shows ${shown}, the log says ${wanted}`)
  }
}

/** S1: every acknowledged command is somewhere. */
function auditSent(all: Devices, { inLog }: Shared): void {
  const { w, sent, goesBack, isOld } = all
  for (const { id, device, command, acknowledged, confirmed, isLost } of sent) {
    if (!acknowledged) continue
    // A log without a remote has confirmed its writes.
    const isShared = confirmed && !goesBack && !(isLost && isOld)
    if (isShared && !inLog.has(id)) w.fail(`${id} was confirmed by the remote, and is not in its log`)
    const database = databaseOf(all, device)
    if (!database || isLost || inLog.has(id)) continue
    if (readStore(database, 'rejected').some(({ key }) => key === id)) continue
    // Another device has done the same, so this command gave no events.
    if (['drop', 'clear'].includes(command.name)) continue
    w.fail(`S1: ${id} (${command.name}) of ${device.name} was acknowledged and is nowhere`)
  }
}
