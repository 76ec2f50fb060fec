import { openEngine } from 'tidemark'
import { defineRemote } from 'tidemark/sync'
import { memoryRemote } from 'tidemark/testing'
import { hostProjections } from 'tidemark/worker'
import { type Command, createModel, decidePlain, emptyState, foldPlain, type State } from './app.ts'
import { installBrowser } from './browser.ts'
import { real } from './globals.ts'
import { createStorage, type RawDatabase, readStore } from './indexedDb.ts'
import type { Plan } from './plan.ts'
import type { Result } from './run.ts'
import { type Actor, createWorld, current, endWorld, noFaults, Violation } from './world.ts'

/**
 * Devices with a remote between them: each is an engine name of its own, so it has its own database, channel and locks. Everything that a
 * device or the network may suffer happens at any step; afterwards all come back, and the shared log is decided again from its messages.
 */

const LOG = 'shared'
/** Steps of the end in which the devices have to agree. */
const END_STEPS = 15_000
const KEYS = ['a', 'b', 'c', 'd']

interface Device {
  readonly d: number
  readonly name: string
  readonly network: ReturnType<ReturnType<typeof memoryRemote>['device']>
  readonly tabs: Tab[]
  /** Its app does not know the remote yet. */
  isOld: boolean
}
interface Tab {
  readonly actor: Actor
  readonly device: Device
  engine: Awaited<ReturnType<typeof open>> | undefined
  closed: boolean
}
interface Sent {
  readonly id: string
  readonly device: Device
  readonly command: Command
  /** Of a receipt with events of its own. */
  acknowledged: boolean
  /** The shared log has it, says the receipt. */
  confirmed?: boolean
}
const open = (options: Parameters<typeof openEngine>[1]) => openEngine(createModel(1), options)

/** A message's commits; the simulated gzip leaves bytes as they are. */
interface Message {
  readonly id: string
  readonly after: string
  readonly first: number
  readonly records: readonly { readonly id: string; readonly first: number; readonly commands: readonly any[] }[]
}

export function executeDevices(plan: Plan, { traced = false }: { traced?: boolean } = {}): Promise<Result> {
  const w = createWorld(plan.seed, traced)
  const { random } = w
  w.pace = plan.pace
  Error.stackTraceLimit = traced ? 20 : 0
  if (plan.priorities) w.priorities = new Map()
  const storage = createStorage(w)
  const late: { readonly due: number; readonly run: () => void }[] = []
  const server = memoryRemote({
    seed: plan.seed,
    conditional: random.chance(0.7),
    batch: random.pick([1, 3, 100]),
    bytes: 100_000,
    later: (run, ms) => late.push({ due: w.now + ms, run }),
  })
  const goesBack = random.chance(0.3)
  const isOld = random.chance(0.3)
  const mayOpen = ({ d }: Device): boolean => !isOld || !d || server.messages(LOG).length > 0
  const devices: Device[] = Array.from({ length: 2 + random.below(2) }, (_, d) => ({
    d,
    name: `sim${d}`,
    network: server.device(),
    tabs: [],
    // The others begin when it has sent something: two logs that begin apart are two logs.
    isOld: d === 0 && isOld,
  }))
  const sent: Sent[] = []
  /** What has to come to an end, and whose it is. */
  const open_ = new Set<{ readonly actor: Actor }>()
  let opened = 0

  // ---- the way to the server
  const calls: { readonly actor: Actor; readonly label: string; readonly run: () => void }[] = []
  const remoteOf = ({ network, name }: Device) =>
    defineRemote(() => {
      const inner = network(LOG)
      const call = <T>(label: string, ask: () => Promise<T>): Promise<T> =>
        new Promise((resolve, reject) => {
          const actor = current()
          const answer = (tell: () => void): void => w.post(actor, 'remote', `answer to ${label}`, tell)
          calls.push({
            actor,
            label: `${name} ${label}`,
            run: () =>
              void ask().then(
                (value) => answer(() => resolve(value)),
                (error) => answer(() => reject(error)),
              ),
          })
        })
      return {
        limits: inner.limits,
        append: (message, options) => call(`append ${options.id.slice(-3)}`, () => inner.append(message, options)),
        async *read(after, options) {
          const { batches, error } = await call(`read ${after}`, async () => {
            const batches = []
            try {
              for await (const batch of inner.read(after, options)) batches.push(batch)
            } catch (error) {
              return { batches, error }
            }
            return { batches, error: undefined }
          })
          yield* batches
          if (error) throw error
        },
        watch(hear) {
          const actor = current()
          return inner.watch((poke) => w.post(actor, 'remote', `poke ${poke}`, () => hear(poke)))
        },
      }
    })
  const remotes = new Map(devices.map((device) => [device, remoteOf(device)]))
  w.sources.push((add) => {
    for (const one of calls)
      add({
        key: `remote ${one.label.slice(0, 4)}`,
        label: () => `the server: ${one.label}`,
        run() {
          calls.splice(calls.indexOf(one), 1)
          if (one.actor.alive || random.chance(0.5)) one.run()
        },
      })
    for (const one of late)
      if (one.due <= w.now)
        add({
          key: 'late',
          label: 'a late append arrives',
          run() {
            late.splice(late.indexOf(one), 1)
            one.run()
          },
        })
  })

  const scripts = new Map<string, () => void>(
    devices.flatMap((device) =>
      [1, 2].map((n) => [
        `${device.name} ${n}`,
        () => hostProjections(createModel(1), { remote: remotes.get(device)! }),
      ]),
    ),
  )
  installBrowser(w, storage, undefined, scripts)

  const databaseOf = ({ name }: Device): RawDatabase | undefined => storage.databases.get(`tidemark:${name}`)
  const headOf = (database: RawDatabase): number =>
    Math.max(
      0,
      readStore(database, 'segments').at(-1)?.key ?? 0,
      readStore(database, 'commits').at(-1)?.value.last ?? 0,
    )
  /** The marker, and what is above it. */
  const outboxOf = (database: RawDatabase) => {
    const all = readStore(database, 'outbox').filter(({ key }) => key >= 0)
    const marker = all.findLast(({ value }) => 'base' in value)
    return { marker: marker?.value, records: all.filter(({ key }) => !marker || key > marker.key) }
  }
  storage.committed = (database, stores) => {
    if (!stores.has('commits') && !stores.has('outbox')) return
    const { marker } = outboxOf(database)
    if (marker && marker.base !== headOf(database))
      w.fail(`the outbox of ${database.name} is decided on ${marker.base}; the log ends at ${headOf(database)}`)
  }

  // ---- what is done
  const inActor = (actor: Actor, run: () => void): void => {
    w.current = actor
    run()
  }
  const settles = (promise: PromiseLike<unknown>, done: (value: any) => void, failed: (error: any) => void): void => {
    const one = { actor: current() }
    open_.add(one)
    promise.then(
      (value) => {
        open_.delete(one)
        done(value)
      },
      (error) => {
        open_.delete(one)
        failed(error)
      },
    )
  }
  const fine = [
    'EngineClosed',
    'StorageError',
    'CommandRejected',
    'CommandIdConflict',
    ...(isOld ? ['ModelError'] : []),
  ]
  function openTab(device: Device, worker = random.pick(['1', '1', '1', '2', 'page'])): void {
    const actor = w.actor(`T${++opened}d${device.d}`, 'tab')
    const tab: Tab = { actor, device, engine: undefined, closed: false }
    device.tabs.push(tab)
    inActor(actor, () =>
      settles(
        open({
          name: device.name,
          mirror: false,
          ...(!device.isOld && { remote: remotes.get(device)! }),
          ...(worker !== 'page' && { worker: () => new SharedWorker(`${device.name} ${worker}`) }),
        }),
        (engine) => {
          tab.engine = engine
        },
        (error) => {
          tab.closed = true
          if (!fine.includes(error?.name)) w.violation ??= new Violation(`openEngine rejected: ${error?.stack}`)
        },
      ),
    )
  }
  function dispatch(tab: Tab): void {
    const [k, j] = [random.pick(KEYS), random.pick(KEYS)]
    const command: Command = random.pick([
      { name: 'take', input: { k } },
      { name: 'inc', input: { k } },
      { name: 'two', input: { k, j } },
      { name: 'move', input: { k, j } },
      { name: 'drop', input: { k } },
      { name: 'bump', input: { n: 1 } },
      { name: 'clear', input: { n: 3 } },
      { name: 'big', input: { k } },
    ])
    // Mostly, but not always, an id stands for one command.
    const given = random.chance(0.15) ? `given-${command.name}-${k}-${random.chance(0.1) ? '' : j}` : undefined
    w.say(`dispatches ${command.name} ${JSON.stringify(command.input)} ${given ?? ''}`, tab.actor)
    inActor(tab.actor, () => {
      const one: Sent = { id: given ?? '', device: tab.device, command, acknowledged: false }
      if (given) sent.push(one)
      const send = tab.engine!.dispatch[command.name] as (input: unknown, options: object) => Promise<any>
      const remote = random.chance(0.2) && { durability: 'remote' }
      settles(
        send(command.input, { ...(given && { commandId: given }), ...remote }),
        ({ commandId, events, duplicate, confirmed, sequence }) => {
          if (remote && !(confirmed === undefined && sequence >= 0)) w.fail(`${commandId} is not confirmed`)
          if (remote) w.hit(`devices: the remote ${events.length ? 'has it' : 'has nothing of it'}`)
          if (events.length && !duplicate)
            sent.push({ ...one, id: commandId, acknowledged: true, confirmed: confirmed === undefined })
        },
        (error) => {
          if (!fine.includes(error?.name)) w.violation ??= new Violation(`dispatch rejected: ${error?.stack}`)
        },
      )
    })
  }
  const usable = (): Tab[] =>
    devices.flatMap(({ tabs }) =>
      tabs.filter(({ actor, engine, closed }) => actor.alive && !actor.frozen && !closed && engine),
    )
  const share = (most: number): number => (random.chance(0.5) ? random.below(100 * most) / 100 : 0)

  /** The app of the old device is deployed with a remote; sometimes its tabs stay open for a while. */
  function goOnline(): void {
    const [old] = devices as [Device]
    old.isOld = false
    hit('an old log has a remote')
    for (const tab of old.tabs) if (random.chance(0.7)) leave(tab)
    openTab(old)
  }
  function leave(tab: Tab): void {
    if (random.chance(0.5) || !tab.engine) w.kill(tab.actor)
    else if (!tab.closed) closeTab(tab)
  }
  function closeTab(tab: Tab): void {
    tab.closed = true
    inActor(tab.actor, () =>
      settles(
        tab.engine!.close(),
        () => {},
        () => {},
      ),
    )
  }
  const hit = (name: string): void => w.hit(`devices: ${name}`)

  function act(): void {
    const tabs = usable()
    const tab = tabs.length ? random.pick(tabs) : undefined
    const device = random.pick(devices)
    const x = random.below(1000)
    if (x < 620) {
      if (tab) for (let n = random.chance(0.1) ? 8 : 1; n--; ) dispatch(tab)
    } else if (x < 680) mayOpen(device) && device.tabs.filter(({ actor }) => actor.alive).length < 3 && openTab(device)
    else if (x < 710 && tab) {
      hit('tab crashed')
      w.kill(tab.actor)
    } else if (x < 735 && tab) closeTab(tab)
    else if (x < 765) {
      const workers = w.actors.filter(({ kind }) => kind === 'worker')
      if (!workers.length) return
      hit('worker crashed')
      w.kill(random.pick(workers))
    } else if (x < 820) device.network.set({ offline: random.chance(0.6) })
    else if (x < 870)
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
      })
    else if (x < 885) device.network.set({ denied: random.chance(0.4) })
    else if (x < 905 && tab) {
      hit('holder stolen')
      inActor(tab.actor, () =>
        settles(
          navigator.locks.request(`tidemark/engine/${tab.device.name}`, { steal: true }, () => {}) as Promise<unknown>,
          () => {},
          () => {},
        ),
      )
    } else if (x < 925) {
      if (!w.actors.length) return
      const actor = random.pick(w.actors)
      actor.frozen = !actor.frozen
      if (actor.frozen) hit(`${actor.kind} frozen`)
    } else if (x < 945) {
      const connections = w.actors.flatMap((actor) => storage.connectionsOf(actor))
      if (connections.length) storage.lose(random.pick(connections).id)
      hit('connection lost')
    } else if (x < 960)
      w.faults = {
        ...noFaults(),
        abort: share(0.2),
        lose: share(0.1),
        drop: share(0.5),
        double: share(0.2),
        swap: random.chance(0.3),
      }
    else if (x < 970) w.faults = noFaults()
    else if (x < 985 && isOld && devices[0]!.isOld) goOnline()
    else if (x < 985 && goesBack) {
      const count = server.messages(LOG).length
      if (!count) return
      hit('the server forgot')
      server.forget(LOG, 1 + random.below(Math.min(3, count)))
    }
  }

  // ---- what has to be true
  function messages(): Message[] {
    const decoder = new TextDecoder()
    const log: Message[] = []
    let last = ''
    let head = 0
    for (const { message } of server.messages(LOG)) {
      const text = decoder.decode(message)
      const end = text.indexOf('\n')
      let header: any
      const records: any[] = []
      try {
        header = JSON.parse(text.slice(0, end))
        const lines = text.slice(end + 1).split('\n')
        if (header.bytes !== message.length - new TextEncoder().encode(text.slice(0, end + 1)).length) continue
        for (let i = 0; i + 1 < lines.length; i += 2)
          records.push({ ...JSON.parse(lines[i]!), commands: JSON.parse(lines[i + 1]!) })
      } catch {
        continue
      }
      if (header.after !== last || header.first !== head + 1) {
        w.hit('devices: a message that is no log')
        continue
      }
      log.push({ ...header, records })
      last = header.id
      head = header.last
    }
    return log
  }

  function audit(): void {
    const log = messages()
    const commandsOf = new Map<string, Sent[]>()
    for (const one of sent) commandsOf.set(one.id, [...(commandsOf.get(one.id) ?? []), one])
    const inLog = new Map<string, number>()
    const states: { readonly head: number; readonly state: State }[] = [{ head: 0, state: emptyState }]
    let state: State = emptyState
    let head = 0
    for (const { records } of log)
      for (const { commands } of records) {
        for (const { id, events } of commands) {
          if (inLog.has(id)) w.fail(`S5: command ${id} is in the log twice`)
          inLog.set(id, head)
          const plain = (some: readonly any[]) =>
            JSON.stringify(some.map(({ type, data }) => ({ type, data: data?.k ?? data?.n })))
          const isRight = ({ command }: Sent): boolean => {
            const decided = decidePlain(1, command, state)
            return 'events' in decided && plain(decided.events) === plain(events)
          }
          const those = commandsOf.get(id)
          if (those && !those.some(isRight))
            w.fail(`S2: ${id} (${those[0]!.command.name}) was decided on another state than that of ${head}`)
          state = foldPlain(state, events, head + 1)
          head += events.length
        }
        states.push({ head, state })
      }
    for (const device of devices) {
      const database = databaseOf(device)
      if (!database) continue
      if (headOf(database) !== head) w.fail(`S4: ${device.name} ends at ${headOf(database)}, the shared log at ${head}`)
      const ids = log.flatMap(({ records }) => records.map(({ id }) => id))
      const own = readStore(database, 'commits').map(({ value }) => value.id)
      if (ids.slice(ids.length - own.length).join() !== own.join()) w.fail(`S4: ${device.name} has other records`)
      for (const { key, value } of readStore(database, 'rejected')) {
        w.hit('devices: rejected')
        const conflict = value.error.name === 'CommandIdConflict'
        if (inLog.has(key) && !conflict) w.fail(`S1: ${key} is in the log and rejected on ${device.name}`)
        if (conflict) continue
        const at = states.find((one) => one.head === value.sequence)
        if (!at) w.fail(`S3: ${key} was refused at ${value.sequence}, which is no head`)
        else if (!goesBack && !('rejected' in decidePlain(1, { name: value.name, input: value.input }, at.state)))
          w.fail(`S3: ${key} (${value.name}) was refused at ${value.sequence}, where it is accepted`)
      }
      for (const { actor, engine, closed } of device.tabs) {
        if (!actor.alive || closed || !engine || engine.status.state !== 'ready') continue
        const shown = engine.read.items.all().map(({ k, n }) => `${k}${n}`)
        const wanted = state['items@1']!.rows.map(([k, n]) => `${k}${n}`)
        if (shown.join() !== wanted.join()) w.fail(`S4: ${actor.name} shows ${shown}, the log says ${wanted}`)
      }
    }
    for (const { id, device, command, acknowledged, confirmed } of sent) {
      if (!acknowledged) continue
      if (confirmed && !goesBack && !inLog.has(id)) w.fail(`${id} was confirmed by the remote, and is not in its log`)
      const database = databaseOf(device)
      if (!database) continue
      const rejected = readStore(database, 'rejected').some(({ key }) => key === id)
      if (inLog.has(id) || rejected) continue
      // Somebody else has done it.
      if (['drop', 'clear'].includes(command.name)) continue
      w.fail(`S1: ${id} (${command.name}) of ${device.name} was acknowledged and is nowhere`)
    }
    w.hit('devices: agreed')
  }

  /** All is quiet: nothing waits, and every device has read what there is. */
  function isAgreed(): boolean {
    for (const one of open_) if (!one.actor.alive) open_.delete(one)
    if (open_.size || calls.length || late.length) return false
    const log = messages()
    const last = log.at(-1)?.id ?? ''
    return devices.every((device) => {
      const database = databaseOf(device)
      if (!database) return true
      const { marker, records } = outboxOf(database)
      const tabs = device.tabs.filter(({ actor, closed }) => actor.alive && !closed)
      return (
        marker?.last === last &&
        !records.length &&
        tabs.every(
          ({ engine }) => engine && engine.status.sequence === headOf(database) && engine.status.sync?.pending === 0,
        )
      )
    })
  }
  const isForked = (): boolean =>
    devices.some(({ tabs }) =>
      tabs.some(
        ({ actor, engine }) =>
          actor.alive && ['forked', 'gone', 'other-log'].includes(engine?.status.sync?.state ?? ''),
      ),
    )

  const rejected = (error: unknown): void => {
    w.violation ??= new Violation(`unhandled rejection: ${(error as Error)?.stack ?? error}`)
  }
  process.on('unhandledRejection', rejected)

  return new Promise((resolve) => {
    // Many short lives, and some long ones: most mistakes need few steps.
    const length = random.chance(0.75) ? 50 + random.below(150) : 250 + random.below(350)
    const rate = 0.05 + random.below(15) / 100
    let phase: 'faults' | 'end' = 'faults'
    let limit = 0
    let over = false
    let next = 5
    const start: (() => void)[] = devices
      .filter(mayOpen)
      .flatMap((device) => Array.from({ length: 1 + random.below(2) }, () => () => openTab(device)))
    const finish = (): void => {
      over = true
      process.off('unhandledRejection', rejected)
      endWorld()
      resolve({
        plan,
        steps: w.steps,
        error: w.violation,
        hits: w.hits,
        trace: w.trace ?? [],
        dispatches: sent.length,
        commits: 0,
      })
    }
    const calm = (): void => {
      phase = 'end'
      w.say('faults end; the devices have to agree')
      w.faults = noFaults()
      w.priorities = undefined
      for (const actor of w.actors) actor.frozen = false
      for (const { network } of devices) network.set({ offline: false, denied: false, faults: {}, latency: 0 })
      for (const one of late.splice(0)) one.run()
      // Who has missed every hint finds out as soon as it writes.
      if (isOld) {
        // A log goes online when one tab opens it alone.
        devices[0]!.isOld = false
        for (const { actor, closed } of devices[0]!.tabs) if (!closed) w.kill(actor)
      }
      for (const tab of usable()) start.push(() => tab.actor.alive && !tab.closed && dispatch(tab))
      for (const device of devices) start.push(() => openTab(device, '1'))
      limit = w.steps + END_STEPS
    }
    const tick = (): void => {
      if (over) return
      w.settle()
      if (w.violation) {
        finish()
        return
      }
      const first = start.shift()
      if (first) {
        first()
        return
      }
      if (phase === 'faults' && w.steps >= length * 6) calm()
      else if (phase === 'faults' && w.steps >= next) {
        next = w.steps + 1 + random.below(Math.ceil(1 / rate) * 4)
        act()
      } else if (phase === 'end' && w.steps % 20 === 0 && isForked()) {
        w.hit('devices: forked or gone')
        finish()
      } else if (phase === 'end' && w.steps % 20 === 0 && isAgreed()) {
        try {
          audit()
        } catch (error) {
          w.violation ??= error as Error
        }
        finish()
      } else if (phase === 'end' && w.steps > limit) {
        const state = devices.map((device) => {
          const database = databaseOf(device)
          const { marker, records } = database ? outboxOf(database) : { marker: undefined, records: [] }
          const status = device.tabs
            .filter(({ actor }) => actor.alive)
            .map(({ actor, closed, engine }) => {
              const s = engine?.status
              return `${actor.name}${closed ? ' closed' : ''} ${s?.state} at ${s?.sequence}, ${s?.pending} pending, ${s?.behind?.error ?? s?.lastError ?? ''} ${JSON.stringify(s?.sync)}`
            })
          return `${device.name}: base ${marker?.base}, ${records.length} records, ${status}`
        })
        w.violation ??= new Violation(
          `S11: the devices never agree: ${open_.size} open, ${calls.length} calls; ${state.join('; ')}`,
        )
        finish()
      } else if (!w.step()) {
        if (phase === 'faults') w.steps = Math.max(w.steps + 1, next)
        else if (isForked() || isAgreed()) w.steps += 20 - (w.steps % 20)
        else {
          w.steps = limit + 1
        }
      }
    }
    const batch = (): void => {
      for (let i = 0; i < 50; i++) real.setImmediate(tick)
      real.setImmediate(() => over || batch())
    }
    batch()
  })
}
