import { openEngine } from 'tidemark'
import { reaction } from 'tidemark/reactions'
import { hostProjections } from 'tidemark/worker'
import { type Chat, chatApp } from '../reactions/chat.ts'
import { createReactionAudit } from './auditReactions.ts'
import { installBrowser } from './browser.ts'
import { createFiles, type Files } from './files.ts'
import { real } from './globals.ts'
import { createStorage } from './indexedDb.ts'
import { type Plan, profileNames } from './plan.ts'
import { createProvider } from './provider.ts'
import type { Result } from './run.ts'
import { type Actor, createWorld, endWorld, noFaults, Violation } from './world.ts'

/**
 * Tabs that request turns, and holders that answer them. At any step, holders are killed, frozen or doubled, or their lock is stolen. Then the
 * faults stop, and each turn has to end.
 */

const NAME = 'chat'
const LOCK = `tidemark/engine/${NAME}`
/** Steps of the final phase, within which every turn has to end. */
const END_STEPS = 40_000
/** Attempts of each handler. */
const TRIES = 4

/** The number of turns, and the time that an answer takes. */
interface Load {
  readonly lanes: readonly string[]
  /** Lanes that run at the same time. */
  readonly concurrency: number
  readonly turns: number
  /** The most turns that are requested at once. */
  readonly atOnce: number
  /** Steps with faults, and the most further steps. */
  readonly length: readonly [least: number, more: number]
  /** Virtual milliseconds until the provider answers. undefined: any step may bring the answer. */
  readonly takes?: readonly [least: number, more: number]
}
const SMALL: Load = { lanes: ['a', 'b', 'c'], concurrency: 2, turns: 60, atOnce: 1, length: [1500, 2500] }
/** Model calls take seconds, and a holder lives only for some seconds. */
const STORM: Load = {
  lanes: Array.from({ length: 20 }, (_, i) => `lane ${i}`),
  concurrency: 8,
  turns: 200,
  atOnce: 12,
  length: [6000, 2000],
  takes: [1000, 7000],
}
/** The most virtual milliseconds of a step in a storm. Its calls take as many steps as those of a short run. */
const STORM_PACE = 40
/** Steps within which every turn of a storm has to be requested. */
const STORM_STEPS = 40_000
/** One of so many runs of the profile is a storm. */
const STORM_EVERY = 20

const open = (chat: Chat, options: Parameters<typeof openEngine>[1]) => openEngine(chat, options)

interface Tab {
  readonly actor: Actor
  engine: Awaited<ReturnType<typeof open>> | undefined
  closed: boolean
}

export function executeReactions(plan: Plan, { traced = false }: { traced?: boolean } = {}): Promise<Result> {
  const w = createWorld(plan.seed, traced)
  const { random } = w
  w.pace = plan.pace
  Error.stackTraceLimit = traced ? 20 : 0
  if (plan.priorities) w.priorities = new Map()
  const storage = createStorage(w)
  const hit = (name: string): void => w.hit(`reactions: ${name}`)
  const files = random.chance(0.6) ? createFiles(w, false) : undefined
  const hasLost = random.chance(0.7)
  // Fixed, because by chance a short test might have no storm.
  const isStorm = Math.floor(plan.seed / profileNames.length) % STORM_EVERY === 0
  const load = isStorm ? STORM : SMALL
  if (isStorm) w.pace = STORM_PACE
  const tabs: Tab[] = []
  const provider = createProvider(w, load)
  const audit = createReactionAudit(w, storage, files, load.lanes, TRIES)
  let opened = 0
  let turns = 0
  let sent = 0

  // ---- the app
  const declare = (chat: Chat) => ({
    answer: reaction(chat, {
      on: ['turnRequested'],
      from: 'now',
      lane: ({ data }) => data.thread,
      concurrency: load.concurrency,
      retry: { tries: TRIES, delay: 50 },
      cancel: { turnStopped: (stop, start) => stop.data.id === start.data.id },
      async run({ event, key, signal, dispatch }) {
        const { id, thread } = event.data
        audit.asks(key, event.commandId, id)
        const text = await provider.ask({ key, id, lane: thread, signal })
        await dispatch.finishTurn({ id, text }, { settles: true })
      },
      lost: hasLost
        ? ({ event, dispatch }) => dispatch.interruptTurn({ id: event.data.id }, { settles: true })
        : undefined,
      failed: ({ event, error, dispatch }) =>
        dispatch.failTurn({ id: event.data.id, reason: error.message }, { settles: true }),
    }),
  })

  const scripts = new Map(
    ['1', '2'].map((n) => [
      n,
      () => {
        const chat = chatApp()
        hostProjections(chat, { reactions: declare(chat) })
      },
    ]),
  )
  installBrowser(w, storage, files, scripts)

  // ---- actions
  const inActor = (actor: Actor, run: () => void): void => {
    w.current = actor
    run()
  }
  const fine = ['EngineClosed', 'StorageError', 'CommandRejected']
  const quietly = (promise: PromiseLike<unknown>): void => {
    promise.then(
      () => {},
      (error) => {
        if (!fine.includes(error?.name) && error?.name !== 'AbortError')
          w.violation ??= new Violation(`a call rejected: ${error?.stack}`)
      },
    )
  }
  function openTab(worker = random.pick(['1', '1', '2', 'page'])): void {
    hit('tab opened')
    const actor = w.actor(`T${++opened}`, 'tab')
    const tab: Tab = { actor, engine: undefined, closed: false }
    tabs.push(tab)
    inActor(actor, () => {
      const chat = chatApp()
      quietly(
        open(chat, {
          name: NAME,
          ...(!files && { mirror: false }),
          reactions: async () => declare(chat),
          ...(worker !== 'page' && { worker: () => new SharedWorker(worker) }),
        }).then((engine) => {
          tab.engine = engine
        }),
      )
    })
  }
  const usable = (): Tab[] =>
    tabs.filter(({ actor, engine, closed }) => actor.alive && !actor.frozen && !closed && engine)
  function request({ actor, engine }: Tab): void {
    sent++
    const id = `t${++turns}`
    const stopped = random.chance(0.2) ? `t${1 + random.below(turns)}` : undefined
    inActor(actor, () => {
      quietly(engine!.dispatch.requestTurn({ id, thread: random.pick(load.lanes) }))
      if (stopped) quietly(engine!.dispatch.stopTurn({ id: stopped }))
    })
  }
  /** Ends the browser, which finds its database damaged at the next start, and deletes it. */
  function loseBrowser(files: Files): void {
    hit('database lost')
    w.say('the browser crashes and loses the database')
    files.crash()
    for (const actor of [...w.actors]) w.kill(actor)
    storage.wipe(`tidemark:${NAME}`)
    audit.loses()
    openTab()
  }
  const share = (most: number): number => (random.chance(0.5) ? random.below(100 * most) / 100 : 0)

  function act(): void {
    const all = usable()
    const tab = all.length ? random.pick(all) : undefined
    const workers = w.actors.filter(({ kind }) => kind === 'worker')
    const x = random.below(1000)
    if (x < 500) {
      for (let n = Math.min(1 + random.below(load.atOnce), load.turns - turns); tab && n > 0; n--) request(tab)
    } else if (x < 600) tabs.filter(({ actor }) => actor.alive).length < 3 && openTab()
    else if (x < 640 && tab) {
      hit('tab crashed')
      w.kill(tab.actor)
    } else if (x < 670 && tab) {
      tab.closed = true
      inActor(tab.actor, () => quietly(tab.engine!.close()))
    } else if (x < 740 && workers.length) {
      hit('worker crashed')
      w.kill(random.pick(workers))
    } else if (x < 800 && tab) {
      hit('holder stolen')
      inActor(tab.actor, () => quietly(navigator.locks.request(LOCK, { steal: true }, () => {}) as Promise<unknown>))
    } else if (x < 860 && w.actors.length) {
      const actor = random.pick(w.actors)
      actor.frozen = !actor.frozen
      if (actor.frozen) hit(`${actor.kind} frozen`)
    } else if (x < 900) {
      const connections = w.actors.flatMap((actor) => storage.connectionsOf(actor))
      if (connections.length) storage.lose(random.pick(connections).id)
    } else if (x < 940)
      w.faults = {
        ...noFaults(),
        abort: share(0.2),
        lose: share(0.1),
        drop: share(0.5),
        double: share(0.2),
        quota: share(0.1),
      }
    else if (x < 970) w.faults = noFaults()
    else if (x < 990 && files) loseBrowser(files)
  }

  const isOver = (): boolean => audit.isOver() && !provider.waiting
  const rejected = (error: unknown): void => {
    w.violation ??= new Violation(`unhandled rejection: ${(error as Error)?.stack ?? error}`)
  }
  process.on('unhandledRejection', rejected)

  return new Promise((resolve) => {
    const length = load.length[0] + random.below(load.length[1])
    const rate = 0.05 + random.below(15) / 100
    let phase: 'faults' | 'end' = 'faults'
    let limit = 0
    let over = false
    let next = 5
    const start: (() => void)[] = Array.from({ length: 1 + random.below(2) }, () => () => openTab())
    const finish = (): void => {
      over = true
      process.off('unhandledRejection', rejected)
      endWorld()
      const { steps, violation: error, hits, trace = [] } = w
      resolve({ plan, steps, error, hits, trace, dispatches: sent, commits: 0 })
    }
    const calm = (): void => {
      phase = 'end'
      w.say('faults end; every turn has to end')
      w.faults = noFaults()
      w.priorities = undefined
      for (const actor of w.actors) actor.frozen = false
      start.push(() => openTab('1'))
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
      const isAsked = !isStorm || turns >= load.turns || w.steps >= STORM_STEPS
      if (phase === 'faults' && w.steps >= length && isAsked) calm()
      else if (phase === 'faults' && w.steps >= next) {
        next = w.steps + 1 + random.below(Math.ceil(1 / rate) * 4)
        act()
      } else if (phase === 'end' && w.steps % 20 === 0 && isOver()) {
        try {
          audit.checkEnd()
          if (turns >= STORM.turns) hit('200 turns over 20 lanes')
        } catch (error) {
          w.violation ??= error as Error
        }
        finish()
      } else if (phase === 'end' && w.steps > limit) {
        w.violation ??= new Violation(`rule 5: turns never end: ${audit.left()}`)
        finish()
      } else if (!w.step()) {
        if (phase === 'faults') w.steps = Math.max(w.steps + 1, next)
        else if (isOver()) w.steps += 20 - (w.steps % 20)
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
