import { openEngine } from 'tidemark'
import { reaction } from 'tidemark/reactions'
import { rejected } from 'tidemark/sync'
import { hostProjections } from 'tidemark/worker'
import { type Chat, chatApp } from '../reactions/chat.ts'
import { createSharedReactionAudit } from './auditSharedReactions.ts'
import { installBrowser } from './browser.ts'
import { createNetwork } from './deviceNetwork.ts'
import { real } from './globals.ts'
import { createStorage } from './indexedDb.ts'
import type { Plan } from './plan.ts'
import { createProvider } from './provider.ts'
import type { Result } from './run.ts'
import { type Actor, createWorld, endWorld, noFaults, Violation } from './world.ts'

/**
 * Reactions to a log that devices share. The devices go offline, stop each other's turns, and lose their tabs, workers and holders.
 * Afterwards the faults stop, and every requested turn has to end once.
 */

const LANES = ['a', 'b', 'c'] as const
const CONCURRENCY = 2
/** The most turns of a run. */
const TURNS = 40
/** Steps of the final phase, within which the devices have to agree and every turn has to end. */
const END_STEPS = 60_000
/** Attempts of each handler. */
const TRIES = 4

const open = (chat: Chat, options: Parameters<typeof openEngine>[1]) => openEngine(chat, options)
type Engine = Awaited<ReturnType<typeof open>>

export interface SharedDevice {
  readonly d: number
  readonly name: string
}
interface Tab {
  readonly actor: Actor
  readonly d: number
  engine: Engine | undefined
  closed: boolean
}

export function executeSharedReactions(plan: Plan, { traced = false }: { traced?: boolean } = {}): Promise<Result> {
  const w = createWorld(plan.seed, traced)
  const { random } = w
  w.pace = plan.pace
  Error.stackTraceLimit = traced ? 20 : 0
  if (plan.priorities) w.priorities = new Map()
  const storage = createStorage(w)
  const network = createNetwork(w, plan.seed)
  const hit = (name: string): void => w.hit(`sharedReactions: ${name}`)
  const devices = Array.from({ length: 2 + random.below(2) }, (_, d) => {
    const name = `chat${d}`
    const own = network.server.device()
    return { d, name, network: own, remote: network.remoteOf(name, own) }
  })
  const hasLost = random.chance(0.5)
  const from = random.pick(['now', 'start'] as const)
  const tabs: Tab[] = []
  const audit = createSharedReactionAudit(w, storage, network, devices)
  const provider = createProvider(w, { concurrency: CONCURRENCY })
  let opened = 0
  let turns = 0
  let sent = 0

  // ---- the app
  const declare = (chat: Chat, d: number) => {
    const refused = (error: Error): void => {
      // Another device has ended the turn.
      if (error.name !== 'CommandRejected') throw error
    }
    return {
      answer: reaction(chat, {
        on: ['turnRequested'],
        from,
        lane: ({ data }) => data.thread,
        concurrency: CONCURRENCY,
        retry: { tries: TRIES, delay: 50 },
        cancel: { turnStopped: (stop, start) => stop.data.id === start.data.id },
        async run({ event, key, signal, dispatch }) {
          const { id, thread } = event.data
          audit.asks(d, key, event)
          const text = await provider.ask({ key, id, lane: `${thread} of ${d}`, signal })
          await dispatch.finishTurn({ id, text }, { settles: true })
        },
        lost: hasLost
          ? ({ event, dispatch }) => dispatch.interruptTurn({ id: event.data.id }, { settles: true })
          : undefined,
        failed: ({ event, error, dispatch }) =>
          dispatch.failTurn({ id: event.data.id, reason: error.message }, { settles: true }).catch(refused),
      }),
      note: reaction(chat, {
        on: ['turnRequested'],
        from: 'start',
        everywhere: true,
        lane: ({ data }) => data.id,
        retry: { tries: TRIES, delay: 50 },
        async run({ event, key, dispatch }) {
          audit.notes(d, key, event)
          await dispatch.note({ text: event.data.id }, { settles: true })
        },
      }),
      remind: reaction(chat, {
        on: ['turnRequested'],
        from: 'start',
        local: true,
        retry: { tries: TRIES, delay: 50 },
        run: ({ event, key }) => audit.reminds(d, key, event),
      }),
    }
  }
  const scripts = devices.flatMap(({ d, name, remote }) =>
    ['1', '2'].map(
      (script) =>
        [
          `${name} ${script}`,
          () => {
            const chat = chatApp()
            hostProjections(chat, { remote, reactions: declare(chat, d) })
          },
        ] as const,
    ),
  )
  const browser = installBrowser(w, storage, undefined, new Map(scripts))

  // ---- actions
  const inActor = (actor: Actor, run: () => void): void => {
    w.current = actor
    run()
  }
  const fine = ['EngineClosed', 'StorageError', 'CommandRejected', 'AbortError']
  const quietly = <T>(promise: PromiseLike<T>, done: (value: T) => void = () => {}): void => {
    promise.then(done, (error) => {
      if (!fine.includes(error?.name)) w.violation ??= new Violation(`a call rejected: ${error?.stack}`)
    })
  }
  const living = (d?: number): Tab[] =>
    tabs.filter((tab) => tab.actor.alive && !tab.closed && (d === undefined || tab.d === d))
  const usable = (): Tab[] =>
    living().filter(({ actor, engine }) => !actor.frozen && engine && engine.status.state !== 'closed')
  function openTab(d: number, worker = random.pick(['1', '1', '2', 'page'])): void {
    hit('tab opened')
    const actor = w.actor(`T${++opened}d${d}`, 'tab')
    const tab: Tab = { actor, d, engine: undefined, closed: false }
    tabs.push(tab)
    const { name, remote } = devices[d]!
    inActor(actor, () => {
      const chat = chatApp()
      const opening = open(chat, {
        name,
        mirror: false,
        remote,
        reactions: async () => declare(chat, d),
        ...(worker !== 'page' && { worker: () => new SharedWorker(`${name} ${worker}`) }),
      })
      opening.catch(() => {
        tab.closed = true
      })
      quietly(opening, (engine) => {
        tab.engine = engine
      })
    })
  }
  function request({ actor, engine, d }: Tab): void {
    sent++
    const id = `${d} t${++turns}`
    const stopped = random.chance(0.25) ? 1 + random.below(turns) : 0
    inActor(actor, () => {
      quietly(engine!.dispatch.requestTurn({ id, thread: random.pick(LANES) }))
      // A turn of any device. A turn that this device does not know can't be stopped here.
      if (stopped)
        for (const { d } of devices)
          if (engine!.read.turns.has(`${d} t${stopped}`)) quietly(engine!.dispatch.stopTurn({ id: `${d} t${stopped}` }))
    })
  }
  const share = (most: number): number => (random.chance(0.5) ? random.below(100 * most) / 100 : 0)

  const kinds: readonly (readonly [weight: number, run: (tab: Tab | undefined) => void])[] = [
    [350, (tab) => tab && turns < TURNS && request(tab)],
    [
      80,
      () => {
        const { d } = random.pick(devices)
        if (living(d).length < 2) openTab(d)
      },
    ],
    [
      40,
      (tab) => {
        if (!tab) return
        hit('tab crashed')
        w.kill(tab.actor)
      },
    ],
    [
      30,
      (tab) => {
        if (!tab) return
        tab.closed = true
        inActor(tab.actor, () => quietly(tab.engine!.close()))
      },
    ],
    [
      60,
      () => {
        const workers = w.actors.filter(({ kind }) => kind === 'worker')
        if (!workers.length) return
        hit('worker crashed')
        w.kill(random.pick(workers))
      },
    ],
    [
      50,
      (tab) => {
        if (!tab) return
        hit('holder stolen')
        const lock = `tidemark/engine/${devices[tab.d]!.name}`
        inActor(tab.actor, () => quietly(navigator.locks.request(lock, { steal: true }, () => {}) as Promise<unknown>))
      },
    ],
    [
      40,
      () => {
        const holder = browser.holder(`tidemark/engine/${random.pick(devices).name}`)
        if (!holder) return
        holder.frozen = !holder.frozen
        if (holder.frozen) hit('holder frozen')
      },
    ],
    [
      30,
      () => {
        const asleep = w.actors.filter(({ frozen }) => frozen)
        const actor = random.pick(asleep.length ? asleep : w.actors)
        if (actor) actor.frozen = !actor.frozen
      },
    ],
    [
      20,
      (tab) => {
        if (tab) tab.actor.deaf = !tab.actor.deaf
      },
    ],
    [
      100,
      () => {
        const offline = random.chance(0.5)
        if (offline) hit('device offline')
        random.pick(devices).network.set({ offline })
      },
    ],
    [
      60,
      () =>
        random.pick(devices).network.set({
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
    [
      30,
      () => {
        const connections = w.actors.flatMap((actor) => storage.connectionsOf(actor))
        if (connections.length) storage.lose(random.pick(connections).id)
      },
    ],
    [
      30,
      () => {
        w.faults = { ...noFaults(), abort: share(0.2), lose: share(0.1), drop: share(0.5), double: share(0.2) }
      },
    ],
    [
      30,
      () => {
        w.faults = noFaults()
      },
    ],
  ]
  const total = kinds.reduce((sum, [weight]) => sum + weight, 0)
  function act(): void {
    const all = usable()
    const tab = all.length ? random.pick(all) : undefined
    let roll = random.below(total)
    for (const [weight, run] of kinds) {
      if ((roll -= weight) < 0) {
        run(tab)
        return
      }
    }
  }

  /** Whether the devices have sent and read everything, and no work is left. */
  const isOver = (): boolean =>
    network.isQuiet &&
    !provider.waiting &&
    living().every(({ engine }) => engine?.status.sync?.pending === 0) &&
    audit.isOver()

  const unhandled = (error: unknown): void => {
    w.violation ??= new Violation(`unhandled rejection: ${(error as Error)?.stack ?? error}`)
  }
  process.on('unhandledRejection', unhandled)

  return new Promise((resolve) => {
    const length = 800 + random.below(1500)
    const rate = 0.05 + random.below(15) / 100
    let phase: 'faults' | 'end' | 'settling' | 'last look' = 'faults'
    let limit = Number.POSITIVE_INFINITY
    let looks = 0
    let over = false
    let next = 5
    const soon: (() => void)[] = devices.map(
      ({ d }) =>
        () =>
          openTab(d),
    )
    const finish = (): void => {
      over = true
      process.off('unhandledRejection', unhandled)
      endWorld()
      const { steps, violation: error, hits, trace = [] } = w
      resolve({ plan, steps, error, hits, trace, dispatches: sent, commits: 0 })
    }
    const calm = (): void => {
      phase = 'end'
      w.say('faults end; every turn has to end')
      w.faults = noFaults()
      w.priorities = undefined
      for (const actor of w.actors) Object.assign(actor, { frozen: false, deaf: false })
      for (const device of devices) device.network.set({ offline: false, denied: false, faults: {}, latency: 0 })
      network.arrive()
      for (const { d } of devices) soon.push(() => openTab(d, '1'))
      limit = w.steps + END_STEPS
    }
    /** A device may have read an event that its reactions have not handled yet. */
    const awaitSettled = (): void => {
      phase = 'settling'
      for (const { actor, engine } of living()) {
        looks++
        inActor(actor, () => quietly(engine!.settled(), () => looks--))
      }
    }
    /** Reads the refused commands that the apps see. */
    const lookAtRefusals = (): void => {
      phase = 'last look'
      for (const tab of living()) {
        if (tab.engine?.status.state !== 'ready') continue
        looks++
        inActor(tab.actor, () =>
          quietly(rejected(tab.engine!), (refusals) => {
            looks--
            const reacted = refusals.filter(({ commandId }) => commandId.startsWith('reaction:'))
            if (reacted.length) w.fail(`rule 13: ${reacted.map(({ commandId }) => commandId)} is among the rejected`)
            if (tab.engine!.status.sync?.rejected !== refusals.length)
              w.fail(`rule 13: ${tab.engine!.status.sync?.rejected} are said to be refused, not ${refusals.length}`)
          }),
        )
      }
    }
    const check = (): void => {
      try {
        audit.checkEnd()
        lookAtRefusals()
      } catch (error) {
        w.violation ??= error as Error
      }
    }
    const tick = (): void => {
      if (over) return
      w.settle()
      if (w.violation || (phase === 'last look' && !looks)) {
        finish()
        return
      }
      const first = soon.shift()
      if (first) first()
      else if (phase === 'faults' && w.steps >= length) calm()
      else if (phase === 'faults' && w.steps >= next) {
        next = w.steps + 1 + random.below(Math.ceil(1 / rate) * 4)
        act()
      } else if (phase === 'end' && w.steps % 20 === 0 && isOver()) awaitSettled()
      else if (phase === 'settling' && !looks) isOver() ? check() : (phase = 'end')
      else if (w.steps > limit) {
        w.violation ??= new Violation(
          `rule 5: it never ends: ${audit.left()}; ${provider.waiting} calls; ${living().map(({ actor, engine }) => `${actor.name} ${JSON.stringify(engine?.status)}`)}`,
        )
        finish()
      } else if (!w.step()) {
        if (phase === 'faults') w.steps = Math.max(w.steps + 1, next)
        else if (phase === 'end' && isOver()) w.steps += 20 - (w.steps % 20)
        else w.steps = limit + 1
      }
    }
    const batch = (): void => {
      for (let i = 0; i < 50; i++) real.setImmediate(tick)
      real.setImmediate(() => over || batch())
    }
    batch()
  })
}
