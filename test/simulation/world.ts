import { createRandom, type Random } from './random.ts'

/** An error that reports a broken guarantee. */
export class Violation extends Error {}

/** A tab or a worker. All its code runs in its tasks. */
export interface Actor {
  readonly name: string
  readonly kind: 'tab' | 'worker'
  alive: boolean
  frozen: boolean
  /** Whether the actor receives no hints. */
  deaf: boolean
  /** Whether the actor's timers run at most once a minute, like those of a page that was hidden for long. */
  hidden: boolean
  /** Waiting tasks, first in first out within a lane. */
  readonly lanes: Map<string, Lane>
  readonly timers: Map<number, Timer>
  /** Functions that end the actor's connections, locks, ports and channels. */
  readonly ends: Set<() => void>
}

interface Task {
  readonly label: Label
  /** Returns true if the task had no visible effect, so that the next one may follow in the same step. */
  readonly run: () => unknown
}
/** A label of a step. A function creates it only when it is read. */
export type Label = string | (() => string)
/** Tasks of one kind, which keep their order. */
interface Lane {
  readonly name: string
  readonly key: string
  readonly actor: Actor
  readonly tasks: Task[]
}
interface Timer {
  readonly id: number
  readonly due: number
  readonly run: () => void
}
/** A possible next step. Moves of the backend (storage, the browser) have no actor. */
export interface Move {
  readonly key: string
  readonly label: Label
  readonly actor?: Actor
  readonly run: () => void
}
type Choice = Move | Lane | { readonly key: string; readonly actor: Actor; readonly timer: Timer }

export interface Faults {
  /** Probabilities, for each write transaction that is about to commit. */
  abort: number
  quota: number
  /** The connection is lost at the commit, before or after it. */
  lose: number
  crash: number
  /** The connection or the tab is lost before sealed commits are deleted. */
  cleanUp: number
  /** For each hint. */
  drop: number
  double: number
  swap: boolean
  /** For each read of the database, each fetch of code, and each access to the private files. */
  reads: Spell
  code: Spell
  files: Spell
}
/** A share of one kind of request fails for a while. */
export interface Spell {
  readonly share: number
  /** In virtual milliseconds. Infinity: until the faults stop. */
  readonly until: number
  /** The only tab or worker that it affects. */
  readonly of?: Actor
}
const NO_SPELL: Spell = { share: 0, until: 0 }
export const noFaults = (): Faults => ({
  abort: 0,
  quota: 0,
  lose: 0,
  crash: 0,
  cleanUp: 0,
  drop: 0,
  double: 0,
  swap: false,
  reads: NO_SPELL,
  code: NO_SPELL,
  files: NO_SPELL,
})

export interface World {
  readonly random: Random
  readonly actors: Actor[]
  /** The actor whose task is running. */
  current: Actor | undefined
  now: number
  steps: number
  /** The most milliseconds of a step. */
  pace: number
  faults: Faults
  readonly trace: string[] | undefined
  readonly hits: Record<string, number>
  /** Further sources of moves. */
  readonly sources: ((add: (move: Move) => unknown) => void)[]
  /** Run after the microtasks of each step. */
  readonly after: ((actor: Actor | undefined) => void)[]
  violation: Error | undefined
  post(actor: Actor, lane: string, label: Label, run: () => unknown): void
  say(text: Label, actor?: Actor): void
  hit(name: string): void
  /** Called for each request of a tab or worker to storage and network. */
  asked: (actor: Actor, what: string) => void
  /** Whether the request fails this time. */
  strikes(spell: 'reads' | 'code' | 'files', actor: Actor): boolean
  fail(message: string): never
  actor(name: string, kind: Actor['kind']): Actor
  kill(actor: Actor): void
  /** Makes one step, chosen among all possible moves. Returns false if there is no move, or none before that moment. */
  step(before?: number): boolean
  /** Ends a step, once its microtasks ran. */
  settle(): void
  priorities: Map<string, number> | undefined
}

let active: World | undefined
/** The world of the current run. */
export const world = (): World => {
  if (!active) throw new Error('There is no simulation under way.')
  return active
}
export const inWorld = (): boolean => active !== undefined
export const endWorld = (): void => {
  active = undefined
}

export const current = (): Actor => {
  const { current } = world()
  if (!current) throw new Error('The library did something outside a step: the simulation is not deterministic.')
  return current
}

export function createWorld(seed: number, traced: boolean): World {
  const random = createRandom(seed)
  const made: World = {
    random,
    actors: [],
    current: undefined,
    now: 1_000_000,
    steps: 0,
    pace: 1,
    faults: noFaults(),
    trace: traced ? [] : undefined,
    hits: {},
    sources: [],
    after: [],
    violation: undefined,
    priorities: undefined,
    post(actor, lane, label, run) {
      if (!actor.alive) return
      const { lanes } = actor
      let known = lanes.get(lane)
      if (!known) lanes.set(lane, (known = { name: lane, key: `${actor.name} ${lane}`, actor, tasks: [] }))
      known.tasks.push({ label, run })
    },
    say(text, actor = made.current) {
      made.trace?.push(
        `${String(made.steps).padStart(5)} ${(actor?.name ?? '').padEnd(4)} ${typeof text === 'string' ? text : text()}`,
      )
    },
    hit(name) {
      made.hits[name] = (made.hits[name] ?? 0) + 1
    },
    asked() {},
    strikes(name, actor) {
      const { share, until, of = actor } = made.faults[name]
      return made.now < until && of === actor && random.chance(share)
    },
    fail(message) {
      throw (made.violation ??= new Violation(message))
    },
    actor(name, kind) {
      const actor: Actor = {
        name,
        kind,
        alive: true,
        frozen: false,
        deaf: false,
        hidden: false,
        lanes: new Map(),
        timers: new Map(),
        ends: new Set(),
      }
      made.actors.push(actor)
      return actor
    },
    kill(actor) {
      if (!actor.alive) return
      actor.alive = false
      actor.lanes.clear()
      actor.timers.clear()
      for (const end of [...actor.ends]) end()
      made.actors.splice(made.actors.indexOf(actor), 1)
    },
    step(before = Infinity) {
      let moves = movesOf(made)
      while (!moves.length) {
        const due = made.actors
          .filter(({ frozen }) => !frozen)
          .flatMap(({ timers }) => [...timers.values()].map(({ due }) => due))
        if (!due.length || Math.min(...due) >= before) return false
        made.now = Math.max(made.now, Math.min(...due))
        moves = movesOf(made)
      }
      made.steps++
      made.now += made.pace * (random.below(1000) / 1000)
      const move = choose(made, moves)
      made.current = move.actor
      try {
        perform(made, move)
      } catch (error) {
        made.violation ??= error as Error
      }
      return true
    },
    settle() {
      const { current } = made
      try {
        for (const after of made.after) after(current)
      } catch (error) {
        made.violation ??= error as Error
      }
      made.current = undefined
    },
  }
  return (active = made)
}

function movesOf(world: World): Choice[] {
  const moves: Choice[] = []
  for (const actor of world.actors) {
    if (actor.frozen) continue
    for (const lane of actor.lanes.values()) if (lane.tasks.length) moves.push(lane)
    let next: Timer | undefined
    for (const timer of actor.timers.values())
      if (timer.due <= world.now && (!next || timer.due < next.due)) next = timer
    if (next) moves.push({ key: `${actor.name} timer`, actor, timer: next })
  }
  const add = (move: Move): unknown => moves.push(move)
  for (const source of world.sources) source(add)
  return moves
}

function perform(world: World, move: Choice): void {
  if ('run' in move) {
    world.say(move.label)
    move.run()
    return
  }
  const { actor } = move
  if ('tasks' in move) {
    for (let unnoticed: unknown = true; unnoticed === true && move.tasks.length; ) {
      const task = move.tasks.shift()!
      if (!move.tasks.length && actor.lanes.get(move.name) === move) actor.lanes.delete(move.name)
      world.say(task.label)
      unnoticed = task.run()
    }
  } else {
    const { timer } = move
    world.say('timer')
    actor.timers.delete(timer.id)
    timer.run()
  }
}

/** Chooses a move at random, or by priorities that change from time to time. Priorities make long delays of one side likely. */
function choose({ random, priorities }: World, moves: readonly Choice[]): Choice {
  if (!priorities || random.below(10) === 0) return random.pick(moves)
  if (random.below(25) === 0 && priorities.size) priorities.set(random.pick([...priorities.keys()]), random.below(1000))
  let best = moves[0]!
  let top = -1
  for (const move of moves) {
    let priority = priorities.get(move.key)
    if (priority === undefined) priorities.set(move.key, (priority = random.below(1000)))
    if (priority > top) {
      top = priority
      best = move
    }
  }
  return best
}
