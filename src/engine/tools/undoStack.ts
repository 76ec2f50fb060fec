import type { Json, Key } from '../../data.ts'
import { CommandRejected, StorageError } from '../../errors.ts'
import { recordedOf } from '../../log/commit.ts'
import type { AnyNew, AnyRecorded, AnyRecordedEvent, EventTypes, StoredEvent } from '../../model/events.ts'
import { explainCommand } from '../../model/explain.ts'
import type { Fold } from '../../model/fold.ts'
import { rowsEqual } from '../../model/isEqual.ts'
import type { ReadModel } from '../../model/model.ts'
import type { Core } from '../core.ts'
import { coreOf, sendOf } from '../openEngine.ts'
import type { Command } from '../tab.ts'
import type { Engine, Receipt } from '../types.ts'
import { changedProperties, changesOf, pick, type Row, type Rows, rowNow, rowsOf } from './rowChanges.ts'

/** Undos that are kept. */
const MOST = 100

/** For each command that can be undone: the events that take it back, from its input, the state before it and its events. */
export type Inverses<E extends EventTypes, P, C> = {
  readonly [K in keyof C]?: (done: {
    readonly input: C[K] extends (read: any, input: infer I, ...rest: any) => any ? I : never
    readonly before: ReadModel<P>
    readonly events: readonly AnyRecorded<E>[]
  }) => AnyNew<E> | readonly AnyNew<E>[] | undefined
}

export interface UndoStack<E extends EventTypes> {
  /** Takes back the last command; undefined where there is none. */
  undo(): Promise<Receipt<E> | undefined>
  /** Brings back what the last undo took; any new command that can be undone ends that. */
  redo(): Promise<Receipt<E> | undefined>
  readonly canUndo: boolean
  readonly canRedo: boolean
  /** Tells that `canUndo` or `canRedo` may have changed; gives the function that ends it. */
  subscribe(listener: () => void): () => void
}

/** What one decision gave. */
interface Made {
  readonly stored: readonly StoredEvent[]
  readonly inverse: readonly StoredEvent[]
  readonly rows: Rows
}

/** A command of this tab, or an undo or redo of one. */
interface Step {
  readonly n: number
  readonly kind: 'command' | 'undo' | 'redo'
  /** What the app says takes the command back. */
  readonly invert: (events: readonly AnyRecordedEvent[]) => StoredEvent[]
  /** The step that this one takes back, until it has. */
  prior: Step | undefined
  /** By its last decision; undefined while it is refused. */
  made: Made | undefined
  failed: boolean
}

/**
 * Undo and redo for the commands of this tab that have an inverse.
 * @example
 * const { undo, redo } = undoStack(engine, {
 *   add: ({ events: [added] }) => added?.type === 'todoAdded' ? events.todoRemoved({ id: added.data.id }) : undefined,
 *   rename: ({ input: { id }, before }) => {
 *     const todo = before.todos.get(id)
 *     return todo && events.todoRenamed({ id, title: todo.title })
 *   },
 * })
 * await undo()
 *
 * An inverse is made when its command is decided, and again when that is decided again, so it always belongs to the state that the
 * command was appended to; undefined: this one can't be undone. An undo is a command like any other: its events go to the end of
 * the log, it is visible at once, and it is decided on the state it is appended to. It rejects with `CommandRejected`, and leaves
 * the stack, with the code `'undo-conflict'` where it would put back what somebody has changed since (`details`: projection, key, and
 * property), and `'undo-without-effect'` where nothing is left to take back. After a `StorageError` it can be tried again. The last 100 are kept.
 */
export function undoStack<E extends EventTypes, P, C>(
  engine: Engine<E, P, C>,
  inverses: Inverses<E, P, C>,
): UndoStack<E> {
  const core = coreOf.get(engine)!
  const { model } = core
  if (__DEV__) for (const name of Object.keys(inverses)) explainCommand(model.name, name, model.commands)
  const done: Step[] = []
  const undone: Step[] = []
  /** What was taken back by what, in the order in which it was asked for. */
  const takenBack: (readonly [Step, Step])[] = []
  const steps = new WeakMap<Command, Step>()
  const listeners = new Set<() => void>()
  let asked: Step | undefined
  let count = 0
  let telling = false

  const isOpen = ({ made }: Step): boolean => !!made?.inverse.length
  const stackOf = ({ kind }: Step): Step[] => (kind === 'undo' ? undone : done)

  core.interceptors.add({
    decided(command, stored) {
      const { name, input } = command
      const known = steps.get(command) ?? asked
      asked = undefined
      const inverse = Object.hasOwn(inverses, name) ? (inverses as Record<string, Function>)[name] : undefined
      if (known) steps.set(command, known)
      if (known) known.made = undefined
      if (!stored?.length || !(known || inverse)) return
      const step =
        known ??
        enter('command', (events) => {
          const given: unknown = inverse?.({ input, before: core.commandRead, events })
          return [given ?? []].flat().map(core.types.store)
        })
      steps.set(command, step)
      make(step, stored, command)
      if (!known && isOpen(step)) undone.length = 0
    },
    settled(command, outcome) {
      const step = steps.get(command)
      if (!step) return
      const { prior } = step
      if ('error' in outcome) {
        step.failed = true
        leave(step)
        // Nobody's decision: it can be tried again.
        if (prior && outcome.error instanceof StorageError) stay(prior)
      } else if (outcome.duplicate || !isOpen(step)) leave(step)
      step.prior = undefined
    },
  })

  function enter(kind: Step['kind'], invert: Step['invert'], prior?: Step): Step {
    const step: Step = { n: ++count, kind, invert, prior, made: undefined, failed: false }
    stay(step)
    return step
  }

  function stay(step: Step): void {
    const stack = stackOf(step)
    stack.push(step)
    stack.sort((a, b) => a.n - b.n)
    if (stack.length > MOST) stack.shift()
    tell()
  }

  function leave(step: Step): void {
    const stack = stackOf(step)
    if (stack.includes(step)) stack.splice(stack.indexOf(step), 1)
    tell()
  }

  /** Not inside a decision, where `read` is on its way to another state. */
  function tell(): void {
    if (telling) return
    telling = true
    queueMicrotask(() => {
      telling = false
      for (const listener of [...listeners]) queueMicrotask(listener)
    })
  }

  /** The events, with what they change and what takes them back. */
  function make(step: Step, stored: readonly StoredEvent[], { id, meta, context }: Command): void {
    const events = recorded(core, stored, id, context.now, meta)
    let inverse: readonly StoredEvent[] = []
    try {
      inverse = (step.kind === 'undo' && step.prior?.made?.stored) || step.invert(events)
    } catch (error) {
      // The command is right, whatever becomes of its undo.
      globalThis.reportError?.(error)
    }
    step.made = { stored, inverse, rows: changesOf(core.folds, events) }
  }

  /** The events that take a step back on the state as it is now, if that means something still. */
  function takeBack(prior: Step): StoredEvent[] {
    const { made } = prior
    if (!made || prior.failed) throw new CommandRejected('undo-without-effect')
    const changes = changesOf(core.folds, recorded(core, made.inverse, '', Date.now(), undefined))
    for (const { fold, key, before, after } of rowsOf(made.rows)) {
      const now = rowNow(fold, key)
      const change = changes.get(fold)?.get(key)
      for (const property of changedProperties(before, after)) {
        const [was, left, is, then] = [before, after, now, change ? change.after : now].map(pick(property))
        // Another value than was left there, which would become the old one again. What adds up (a count) becomes neither.
        if (!rowsEqual(then, is) && rowsEqual(then, was) && !rowsEqual(is, leftBy(prior, fold, key, property, left))) {
          const of = fold.definition.into.kind === 'table' && { key }
          throw new CommandRejected('undo-conflict', { projection: fold.name, ...of, ...(property && { property }) })
        }
      }
    }
    const hasEffect = rowsOf(changes).some(({ before, after }) => !rowsEqual(before, after))
    if (made.rows.size && !hasEffect) throw new CommandRejected('undo-without-effect')
    return [...made.inverse]
  }

  /** What stands there when nobody else has written: later steps that were taken back may have left another value (a time, say). */
  function leftBy(prior: Step, fold: Fold, key: Key, property: string | undefined, left: unknown): unknown {
    const rowOf = ({ made }: Step): Row | undefined => made?.rows.get(fold)?.get(key)
    for (const [step, by] of takenBack) {
      const [row, after] = [rowOf(step), rowOf(by)]
      if (by.failed || step.n <= prior.n || !row || !after) continue
      if (rowsEqual(pick(property)(row.before), left)) left = pick(property)(after.after)
    }
    return left
  }

  function take(from: Step[], kind: 'undo' | 'redo'): Promise<Receipt<E> | undefined> {
    const prior = from.findLast(isOpen)
    if (!prior) return Promise.resolve(undefined)
    leave(prior)
    const step = enter(kind, prior.invert, prior)
    takenBack.push([prior, step])
    if (takenBack.length > 2 * MOST) takenBack.shift()
    asked = step
    const answer = sendOf.get(engine)!(kind, undefined, undefined, () => takeBack(prior))
    if (asked) {
      // It was never decided: the engine takes no commands.
      asked = undefined
      leave(step)
      stay(prior)
    }
    return answer as Promise<Receipt<E>>
  }

  return {
    undo: () => take(done, 'undo'),
    redo: () => take(undone, 'redo'),
    get canUndo() {
      return done.some(isOpen)
    },
    get canRedo() {
      return undone.some(isOpen)
    },
    subscribe(listener) {
      const one = (): void => listener()
      listeners.add(one)
      return () => listeners.delete(one)
    },
  }
}

/** The events as they would be recorded next. */
const recorded = (core: Core, events: readonly StoredEvent[], id: string, at: number, meta: Json | undefined) =>
  recordedOf({ id, at, events, ...(meta !== undefined && { meta }) }, core.tip + 1, core.types)
