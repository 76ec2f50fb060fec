import { StorageError } from '../../errors.ts'
import type { AnyNew, AnyRecorded, EventTypes, StoredEvent } from '../../model/events.ts'
import { explainCommand } from '../../model/explain.ts'
import type { CommandContext, Decision, Model, ReadModel } from '../../model/model.ts'
import { sendOf } from '../openEngine.ts'
import type { Command, Interceptor } from '../pending.ts'
import type { Engine, Receipt } from '../types.ts'
import { openCore } from './openCore.ts'
import { createSteps, type StepCommand, type UndoStep } from './steps.ts'
import { createTakeBack } from './takeBack.ts'

/** The steps that are kept if the app gives no `limit`. */
const LIMIT = 100

/**
 * What undoes a command: events, or a command that is decided on the state at the time of the undo and may `reject`.
 * undefined: the command can't be undone.
 */
export type Inverse<E extends EventTypes, P> =
  | AnyNew<E>
  | readonly AnyNew<E>[]
  | undefined
  | ((read: ReadModel<P>, context: CommandContext) => Decision<E>)

/** For each command that can be undone: a function that makes its inverse from its input, the state before it and its events. */
export type Inverses<E extends EventTypes, P, C> = {
  readonly [K in keyof C]?: (done: {
    readonly input: C[K] extends (read: any, input: infer I, ...rest: any) => any ? I : never
    readonly before: ReadModel<P>
    readonly events: readonly AnyRecorded<E>[]
  }) => Inverse<E, P>
}

/** The inverses of a model: `InversesOf<typeof app>`. */
export type InversesOf<M> = M extends Model<infer E, infer P, infer C> ? Inverses<E, P, C> : never

/** The third argument of `undoStack`. */
export interface UndoOptions {
  /** The most steps that are kept for undo, and for redo. 100 by default. */
  readonly limit?: number | undefined
  /** Makes one step of commands of one name that follow each other within this many milliseconds. 0, the default: never. */
  readonly groupMs?: number | undefined
}

/** The undo and redo of one tab, as `undoStack` returns them. */
export interface UndoStack<E extends EventTypes = any> {
  /** Takes back the last step; undefined if there is none. */
  undo(): Promise<Receipt<E> | undefined>
  /** Does again what the last undo took back. A new command that can be undone ends that. */
  redo(): Promise<Receipt<E> | undefined>
  readonly canUndo: boolean
  readonly canRedo: boolean
  /**
   * Makes one step of all commands that are dispatched until `work` returns, or until its promise settles. Returns what `work`
   * returns. A group inside a group belongs to the outer one.
   */
  group<T>(work: () => T): T
  /** Calls the listener when `canUndo` or `canRedo` may have changed. Returns the function that ends this. */
  subscribe(listener: () => void): () => void
  /** Forgets all steps and follows no more commands. The stack ends with its engine, too. */
  close(): void
}

/**
 * Undo and redo for the commands of this tab that have an inverse.
 * @example
 * ```ts
 * const { undo, redo, close } = undoStack(engine, {
 *   add: ({ events: [added] }) => added?.type === 'todoAdded' ? events.todoRemoved({ id: added.data.id }) : undefined,
 *   rename: ({ input: { id }, before }) => {
 *     const title = before.todos.get(id)?.title
 *     return ({ todos }) => title && todos.has(id) ? events.todoRenamed({ id, title }) : reject('todo-not-found', { id })
 *   },
 * })
 * await undo()
 * ```
 *
 * An inverse is made when its command is decided, and again when that is decided again, so it always belongs to the state that the
 * command was appended to. An undo is one command: its events go to the end of the log, it is visible at once, and it is decided on
 * the state it is appended to. A redo decides the app's command again, with the ids it had. Either rejects, and its step leaves the stack:
 * with what the command or the inverse threw, with the code `'undo-conflict'` if it would put back what somebody has changed since
 * (`details`: projection, key, and property), and with `'undo-without-effect'` if nothing is left to take back. After a
 * `StorageError` it can be tried again. Throws `EngineClosed`, and `ModelError` for what is not an engine or not its command.
 */
export function undoStack<E extends EventTypes, P, C>(
  engine: Engine<E, P, C>,
  inverses: Inverses<E, P, C>,
  { limit = LIMIT, groupMs = 0 }: UndoOptions = {},
): UndoStack<E> {
  const core = openCore(engine)
  const { model } = core
  if (__DEV__) for (const name of Object.keys(inverses)) explainCommand(model.name, name, model.commands)
  const send = sendOf.get(engine)!
  if (!(limit >= 1 && (Number.isInteger(limit) || limit === Infinity)))
    throw new RangeError(`undoStack: limit is a number of steps, 1 or more, not ${limit}`)
  if (!(groupMs >= 0)) throw new RangeError(`undoStack: groupMs is a number of milliseconds, 0 or more, not ${groupMs}`)
  const steps = createSteps(limit, groupMs)
  // What an inverse takes is checked where `inverses` is declared.
  const undos = createTakeBack(core, inverses as Record<string, (...given: any[]) => unknown>)
  const commands = new WeakMap<Command, { readonly step: UndoStep; readonly part: StepCommand }>()
  const stepsOfDecisions = new WeakMap<
    NonNullable<Command['decide']>,
    { readonly step: UndoStep; readonly prior: UndoStep }
  >()

  const interceptor: Interceptor = {
    owner: engine,
    decided(command, stored) {
      const { name, input, context } = command
      if (command.decide || !Object.hasOwn(inverses, name)) return
      const known = commands.get(command)
      if (known) Object.assign(known.part, { takeBack: undefined, rows: new Map() })
      if (!stored?.length) return
      const origin = { name, input, context }
      const part = undos.createPart(origin, stored, command)
      if (known) Object.assign(known.part, { takeBack: part.takeBack, rows: part.rows })
      else {
        const step = steps.join(name, context.now)
        step.parts.push(part)
        commands.set(command, { step, part })
        if (part.takeBack) steps.endRedo()
      }
    },
    settled(command, outcome) {
      const known = commands.get(command)
      const own = command.decide && stepsOfDecisions.get(command.decide)
      const isOver = 'error' in outcome
      if (known && (isOver || outcome.duplicate || !known.part.takeBack)) steps.remove(known.step, known.part)
      if (!own || !isOver) return
      undos.forget(own.step)
      steps.remove(own.step)
      // The storage failed, and no decision refused the undo: it can be tried again.
      if (outcome.error instanceof StorageError) steps.putBack(own.prior)
    },
  }
  core.interceptors.add(interceptor)

  async function takeBackStep(kind: 'undo' | 'redo'): Promise<Receipt<E> | undefined> {
    const prior = steps.last(kind)
    if (!prior) return
    steps.remove(prior)
    const step = steps.enter(kind)
    let isDecided = false
    const decideIt = (command: Command): StoredEvent[] => {
      isDecided = true
      return undos.takeBack(prior, step, command)
    }
    stepsOfDecisions.set(decideIt, { step, prior })
    const sent = send(kind, undefined, undefined, { decide: decideIt })
    if (!isDecided) {
      // The engine takes no commands.
      steps.remove(step)
      steps.putBack(prior)
    }
    // The receipt has every field, but `send` does not know the types of the events.
    // The receipt of a command of this model.
    return sent as unknown as Promise<Receipt<E>>
  }

  return {
    undo: () => takeBackStep('undo'),
    redo: () => takeBackStep('redo'),
    get canUndo() {
      return !!steps.last('undo')
    },
    get canRedo() {
      return !!steps.last('redo')
    },
    group: steps.group,
    subscribe: steps.subscribe,
    close() {
      core.interceptors.delete(interceptor)
      steps.clear()
    },
  }
}
