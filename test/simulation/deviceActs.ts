import { openEngine } from 'tidemark'
import { exportLog, importLog } from 'tidemark/tools'
import { type Command, createModel } from './app.ts'
import type { Browser } from './browser.ts'
import { databaseOf, headOf, living, rowsOf } from './deviceAudit.ts'
import { mirroredBy } from './deviceMirror.ts'
import type { Network, NetworkOfDevice } from './deviceNetwork.ts'
import { LOG, messagesOf } from './deviceNetwork.ts'
import type { Files } from './files.ts'
import type { Storage } from './indexedDb.ts'
import { type Actor, current, noFaults, Violation, type World } from './world.ts'

/** The actions on devices with a remote between them, and the faults. */

/**
 * `older`: tabs may meet the worker of an earlier deploy. `files`: a device begins with an export. `losses`: databases are lost. `holders`: the
 * follower of the remote sleeps or loses its lock. `deaf`: tabs receive no hints from each other.
 */
export const THEMES = ['all', 'older', 'files', 'losses', 'holders', 'deaf'] as const
export type Theme = (typeof THEMES)[number]

const KEYS = ['a', 'b', 'c', 'd']

export const open = (options: Parameters<typeof openEngine>[1]) => openEngine(createModel(1), options)

export interface Device {
  readonly d: number
  readonly name: string
  readonly network: NetworkOfDevice
  readonly remote: ReturnType<Network['remoteOf']>
  readonly tabs: DeviceTab[]
  readonly mirror: boolean
  /** Whether the app of this device does not have the remote yet. */
  isOld: boolean
}
export interface DeviceTab {
  readonly actor: Actor
  readonly device: Device
  engine: Awaited<ReturnType<typeof open>> | undefined
  closed: boolean
  /** The rows of which the tab's subscribers were told last. */
  told?: string
}
export interface SentCommand {
  readonly id: string
  readonly device: Device
  readonly command: Command
  /** Whether a receipt with the command's own events has acknowledged it. */
  readonly acknowledged: boolean
  /** Whether the receipt says that the shared log has the command. */
  readonly confirmed?: boolean
  /** Whether the device lost the command without a second copy. */
  isLost?: boolean
}

export interface Devices {
  readonly w: World
  readonly storage: Storage
  readonly browser: Browser
  readonly files: Files | undefined
  readonly network: Network
  readonly devices: readonly Device[]
  readonly sent: SentCommand[]
  /** The promises that have to settle, and their devices. */
  readonly open: Set<{ readonly actor: Actor }>
  /** The remote may forget its newest messages. */
  readonly goesBack: boolean
  /** The first device has a log from before it had a remote. */
  readonly isOld: boolean
  /** The fault that happens more often in this run. */
  readonly theme: Theme
  /** Exports of the shared log. */
  readonly exports: Uint8Array<ArrayBuffer>[]
  /** The next actions, one per step, so that the effects of two actors are not confused. */
  readonly soon: (() => void)[]
  opened: number
}

export const inActor = (w: World, actor: Actor, run: () => void): void => {
  w.current = actor
  run()
}

const FINE = ['EngineClosed', 'StorageError', 'CommandRejected', 'CommandIdConflict']

/** Watches a promise that has to settle. `fine`: the names of the errors it may reject with. */
function settles<T>(
  { w, open, isOld }: Devices,
  what: string,
  promise: PromiseLike<T>,
  done: (value: T) => void = () => {},
  fine: readonly string[] = FINE,
): void {
  const one = { actor: current() }
  open.add(one)
  promise.then(
    (value) => {
      open.delete(one)
      done(value)
    },
    (error) => {
      open.delete(one)
      if (fine.includes(error?.name) || (isOld && error?.name === 'ModelError')) return
      w.violation ??= new Violation(`${what} rejected: ${error?.stack}`)
    },
  )
}

export const mayOpen = ({ isOld, network }: Devices, { d }: Device): boolean =>
  !isOld || !d || network.server.messages(LOG).length > 0

export const usable = ({ devices }: Devices): DeviceTab[] =>
  devices.flatMap((device) => living(device).filter(({ actor, engine }) => !actor.frozen && engine))

/** The device that begins with a file, once there is one. */
export const isLate = ({ theme, devices }: Devices): Device | undefined =>
  theme === 'files' ? devices.at(-1) : undefined

const hit = ({ w }: Devices, name: string): void => w.hit(`devices: ${name}`)

export function openDeviceTab(
  all: Devices,
  device: Device,
  wanted?: string,
  opened: (tab: DeviceTab) => void = () => {},
): void {
  const { w, theme } = all
  const worker =
    wanted ?? w.random.pick(['1', '1', '1', '2', 'page', ...(theme === 'older' ? ['older', 'older', 'older'] : [])])
  const actor = w.actor(`T${++all.opened}d${device.d}`, 'tab')
  const tab: DeviceTab = { actor, device, engine: undefined, closed: false }
  device.tabs.push(tab)
  const options = {
    name: device.name,
    mirror: device.mirror,
    ...(!device.isOld && { remote: device.remote }),
    ...(worker !== 'page' && { worker: () => new SharedWorker(`${device.name} ${worker}`) }),
  }
  inActor(w, actor, () => {
    const opening = open(options).then((engine) => {
      tab.engine = engine
      const tell = (): void => {
        tab.told = rowsOf(engine)
      }
      tell()
      engine.subscribe(tell)
    })
    opening.catch(() => {
      tab.closed = true
    })
    settles(all, 'openEngine', opening, () => opened(tab))
  })
}

export function dispatchOn(all: Devices, tab: DeviceTab): void {
  const { w, sent } = all
  const { random } = w
  const [k, j] = [random.pick(KEYS), random.pick(KEYS)]
  // S5: an id that another device has used. This device may or may not have read that command.
  const theirs = sent.filter((one) => one.device !== tab.device && one.id.startsWith('given'))
  const again = theirs.length && random.chance(0.12) ? random.pick(theirs) : undefined
  const fresh: Command = random.pick([
    { name: 'take', input: { k } },
    { name: 'inc', input: { k } },
    { name: 'two', input: { k, j } },
    { name: 'move', input: { k, j } },
    { name: 'drop', input: { k } },
    { name: 'bump', input: { n: 1 } },
    { name: 'clear', input: { n: 3 } },
    { name: 'big', input: { k } },
  ])
  // Most ids belong to one command, but not all.
  const { command } = again ?? { command: fresh }
  const drawn = random.chance(0.15) ? `given-${command.name}-${k}-${random.chance(0.1) ? '' : j}` : undefined
  const given = again?.id ?? drawn
  if (again) hit(all, 'an id of another device given again')
  w.say(() => `dispatches ${command.name} ${JSON.stringify(command.input)} ${given ?? ''}`, tab.actor)
  inActor(w, tab.actor, () => {
    const one = { id: given ?? '', device: tab.device, command, acknowledged: false }
    if (given) sent.push(one)
    const send = tab.engine!.dispatch[command.name] as (input: unknown, options: object) => Promise<any>
    const remote = random.chance(0.2) && { durability: 'remote' }
    settles(
      all,
      'dispatch',
      send(command.input, { ...(given && { commandId: given }), ...remote }),
      ({ commandId, events, duplicate, confirmed, sequence }) => {
        if (remote && !(confirmed === undefined && sequence >= 0)) w.fail(`${commandId} is not confirmed`)
        if (remote) hit(all, `the remote ${events.length ? 'has it' : 'has nothing of it'}`)
        if (events.length && !duplicate)
          sent.push({ ...one, id: commandId, acknowledged: true, confirmed: confirmed === undefined })
      },
    )
  })
}

/** The app of the old device is deployed with a remote; sometimes its tabs stay open for a while. */
function goOnline(all: Devices): void {
  const [old] = all.devices as [Device]
  old.isOld = false
  hit(all, 'an old log has a remote')
  for (const tab of old.tabs) if (all.w.random.chance(0.7)) all.soon.push(() => tab.actor.alive && leave(all, tab))
  all.soon.push(() => openDeviceTab(all, old))
}

function leave(all: Devices, tab: DeviceTab): void {
  if (all.w.random.chance(0.5) || !tab.engine) all.w.kill(tab.actor)
  else if (!tab.closed) closeTab(all, tab)
}

function closeTab(all: Devices, tab: DeviceTab): void {
  tab.closed = true
  inActor(all.w, tab.actor, () => settles(all, 'close', tab.engine!.close()))
}

/** The browser loses the database of a device. Data that is not in the mirror is lost. */
function loseDatabase(all: Devices, device: Device): void {
  const { w, storage, files, sent, network } = all
  const mirrored: ReadonlySet<string> = device.mirror ? mirroredBy(files, device.name) : new Set()
  // A mirror begins late, so most losses wait for it.
  if (device.mirror && !mirrored.size && w.random.chance(0.8)) return
  for (const one of sent) if (one.device === device && !mirrored.has(one.id)) one.isLost = true
  w.hit(`devices: database lost, with ${mirrored.size ? 'a' : 'no'} second copy`)
  const shared = new Set<string>()
  for (const { records } of messagesOf(w, network.server))
    for (const { commands } of records) for (const { id } of commands) shared.add(id)
  if (sent.some((one) => one.device === device && mirrored.has(one.id) && !shared.has(one.id)))
    hit(all, 'lost beside an outbox that its second copy has')
  storage.wipe(`tidemark:${device.name}`)
}

/** A device without a second copy loses its database, and begins again with a file, often without its remote. */
function loseAndImport(all: Devices, device: Device): void {
  if (device.mirror || device.isOld || !all.exports.length) return
  device.network.set({ offline: all.w.random.chance(0.7) })
  loseDatabase(all, device)
  for (const tab of [...device.tabs]) if (!tab.closed && tab.engine) closeTab(all, tab)
  openDeviceTab(all, device, undefined, (tab) => importInto(all, tab))
  if (all.w.random.chance(0.5)) openDeviceTab(all, device)
}

/** Exports the shared log as a file. */
function exportFrom(all: Devices, tab: DeviceTab): void {
  if (tab.device.isOld || !tab.engine?.status.sequence || all.exports.length > 2) return
  inActor(all.w, tab.actor, () =>
    settles(
      all,
      'exportLog',
      bytesOf(exportLog(tab.engine!)),
      (bytes) => {
        hit(all, 'exported')
        all.exports.push(bytes)
      },
      [...FINE, 'AbortError'],
    ),
  )
}

async function bytesOf(stream: ReadableStream<Uint8Array>): Promise<Uint8Array<ArrayBuffer>> {
  const reader = stream.getReader()
  const parts: Uint8Array[] = []
  for (let next = await reader.read(); !next.done; next = await reader.read()) parts.push(next.value)
  return Uint8Array.from(Buffer.concat(parts))
}

/** Rule 13: an import fills a log only if neither the log nor its outbox has anything. */
function importInto(all: Devices, tab: DeviceTab): void {
  const { w, exports } = all
  if (!exports.length || tab.device.isOld) return
  const bytes = w.random.pick(exports)
  const refused = (error: { readonly reason?: string }): never => {
    const database = databaseOf(all, tab.device)
    if (error.reason?.includes('not empty') && database && !headOf(database))
      hit(all, 'import refused beside an outbox')
    throw error
  }
  inActor(w, tab.actor, () =>
    settles(
      all,
      'importLog',
      importLog(
        tab.engine!,
        new ReadableStream({
          start(controller) {
            controller.enqueue(bytes)
            controller.close()
          },
        }),
      ).catch(refused),
      () => hit(all, 'imported'),
      [...FINE, 'ImportError', 'AbortError'],
    ),
  )
  // Meanwhile the outbox fills.
  for (const other of usable(all))
    if (other.device === tab.device && w.random.chance(0.5))
      all.soon.push(() => usable(all).includes(other) && dispatchOn(all, other))
}

/** Lets an empty device begin with a file. */
function beginWithFile(all: Devices): void {
  const { w, exports } = all
  const empty = usable(all).filter(({ device }) => {
    const database = databaseOf(all, device)
    return database && !headOf(database)
  })
  const late = isLate(all)
  if (!exports.length) return
  if (empty.length) importInto(all, w.random.pick(empty))
  else if (late && !late.tabs.length) {
    // The messages of the remote must not be there before.
    late.network.set({ offline: w.random.chance(0.7) })
    openDeviceTab(all, late, undefined, (tab) => importInto(all, tab))
  }
}

/** The follower of the remote sleeps while it holds its lock. */
function freezeHolder(all: Devices, device: Device): void {
  const holder = all.browser.holder(`tidemark/engine/${device.name}`)
  if (!holder) return
  holder.frozen = true
  hit(all, 'holder frozen')
}

/** The worker of an older deploy may follow the remote, until it meets a command that it does not know. */
function noteOlder(all: Devices): void {
  const { browser, devices } = all
  for (const { name } of devices) {
    const older = browser.workers.get(`${name} older`)
    if (older && browser.holder(`tidemark/engine/${name}`) === older.actor) hit(all, 'an older worker follows')
  }
}

function freeze(all: Devices): void {
  const { w } = all
  if (!w.actors.length) return
  const asleep = w.actors.filter(({ frozen }) => frozen)
  const actor = w.random.pick(asleep.length && w.random.chance(0.5) ? asleep : w.actors)
  actor.frozen = !actor.frozen
  if (actor.frozen) hit(all, `${actor.kind} frozen`)
}

/** A tab receives no hints for a while, so its appends may land below the marker. */
function deafen(all: Devices, tab: DeviceTab | undefined): void {
  const deaf = all.w.actors.filter((actor) => actor.deaf)
  if (deaf.length && all.w.random.chance(0.4)) all.w.random.pick(deaf).deaf = false
  else if (tab) tab.actor.deaf = true
}

function stealHolder(all: Devices, tab: DeviceTab): void {
  hit(all, 'holder stolen')
  const name = `tidemark/engine/${tab.device.name}`
  const stolen = navigator.locks.request(name, { steal: true }, () => {}) as Promise<unknown>
  settles(all, 'steal', stolen, undefined, ['AbortError'])
}

export function act(all: Devices): void {
  const { w, storage, devices, goesBack, isOld, theme, network } = all
  const { random } = w
  if (theme === 'older') noteOlder(all)
  const tabs = usable(all)
  const tab = tabs.length ? random.pick(tabs) : undefined
  const device = random.pick(devices)
  const share = (most: number): number => (random.chance(0.5) ? random.below(100 * most) / 100 : 0)
  const often = (weight: number, when: Theme): number => (theme === when ? 10 * weight : weight)
  const kinds: readonly (readonly [weight: number, run: () => void])[] = [
    [
      590,
      () => {
        for (let n = random.chance(0.1) ? 8 : 1; tab && n--; ) dispatchOn(all, tab)
      },
    ],
    [60, () => mayOpen(all, device) && living(device).length < 3 && openDeviceTab(all, device)],
    [
      30,
      () => {
        if (!tab) return
        hit(all, 'tab crashed')
        w.kill(tab.actor)
      },
    ],
    [25, () => tab && closeTab(all, tab)],
    [
      30,
      () => {
        const workers = w.actors.filter(({ kind }) => kind === 'worker')
        if (!workers.length) return
        hit(all, 'worker crashed')
        w.kill(random.pick(workers))
      },
    ],
    [55, () => device.network.set({ offline: random.chance(0.6) })],
    [
      50,
      () =>
        device.network.set({
          faults: {
            lost: share(0.2),
            lostAck: share(0.3),
            late: share(0.2),
            doubled: share(0.2),
            garbage: share(0.2),
            lostRead: share(0.2),
            lostPoke: share(0.6),
          },
        }),
    ],
    [15, () => device.network.set({ denied: random.chance(0.4) })],
    [often(20, 'holders'), () => tab && inActor(w, tab.actor, () => stealHolder(all, tab))],
    [25, () => freeze(all)],
    [often(15, 'holders'), () => freezeHolder(all, device)],
    [often(20, 'deaf'), () => deafen(all, tab)],
    [
      20,
      () => {
        const connections = w.actors.flatMap((actor) => storage.connectionsOf(actor))
        if (connections.length) storage.lose(random.pick(connections).id)
        hit(all, 'connection lost')
      },
    ],
    [
      15,
      () => {
        w.faults = {
          ...noFaults(),
          abort: share(0.2),
          lose: share(0.1),
          drop: share(0.5),
          double: share(0.2),
          swap: random.chance(0.3),
        }
      },
    ],
    [
      10,
      () => {
        w.faults = noFaults()
      },
    ],
    [often(30, 'files'), () => tab && exportFrom(all, tab)],
    [often(30, 'files'), () => beginWithFile(all)],
    [5, () => tab && importInto(all, tab)],
    [theme === 'losses' ? 60 : 0, () => loseDatabase(all, device)],
    [theme === 'files' ? 120 : 0, () => loseAndImport(all, device)],
    [isOld && devices[0]!.isOld ? 15 : 0, () => goOnline(all)],
    [
      goesBack ? 40 : 0,
      () => {
        const count = network.server.messages(LOG).length
        if (!count) return
        hit(all, 'the server forgot')
        network.server.forget(LOG, 1 + random.below(Math.min(3, count)))
      },
    ],
  ]
  let roll = random.below(kinds.reduce((sum, [weight]) => sum + weight, 0))
  for (const [weight, run] of kinds) {
    if ((roll -= weight) < 0) {
      run()
      return
    }
  }
}
