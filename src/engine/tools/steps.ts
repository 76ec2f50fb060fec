import { createListeners } from '../../async.ts'
import type { StoredEvent } from '../../model/events.ts'
import type { CommandContext } from '../../model/model.ts'
import type { Command } from '../pending.ts'
import type { ChangedRows } from './rowChanges.ts'

/** The most commands of one step. Taking it back is one command, which should not block the page. */
const PARTS_MAX = 1_000

/** One command of a step, as it was last decided. */
export interface StepCommand {
  /** Higher for a command that was decided later. */
  readonly n: number
  /** The app's command: a redo decides it again. */
  readonly origin: Pick<Command, 'name' | 'input' | 'context'>
  /** The part that this one takes back, as long as it may explain a value. */
  back?: StepCommand | undefined
  rows: ChangedRows
  /** Decides the events that take it back. undefined if it can't be taken back, or was refused. */
  takeBack: ((context: CommandContext) => readonly StoredEvent[]) | undefined
}

/** What one undo or redo takes back. */
export interface UndoStep {
  readonly n: number
  readonly kind: 'command' | 'undo' | 'redo'
  parts: StepCommand[]
}

/** The commands of one tab that become one step. */
interface StepGroup {
  readonly step: UndoStep
  /** Identifies the call of `group(…)`; undefined for a group by time. */
  readonly running: object | undefined
  readonly name: string
  readonly at: number
}

export interface Steps {
  /** The step that the next undo or redo takes back. */
  last(kind: 'undo' | 'redo'): UndoStep | undefined
  /** Adds a new step at the end. */
  enter(kind: UndoStep['kind']): UndoStep
  /** The step for a new command: that of the command before, if both belong to one group. */
  join(name: string, at: number): UndoStep
  /** Makes one step of all commands that are decided until `work` is over. */
  group<T>(work: () => T): T
  /** Puts a step back where it was. */
  putBack(step: UndoStep): void
  /** Removes a step, or one part of it. */
  remove(step: UndoStep, part?: StepCommand): void
  /** Removes all steps that could be redone, because there is a new command. */
  endRedo(): void
  subscribe(listener: () => void): () => void
  clear(): void
}

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  // A guard asks before it knows.
  typeof (value as PromiseLike<unknown> | undefined)?.then === 'function'

const isOpen = ({ parts }: UndoStep): boolean => parts.some(({ takeBack }) => takeBack)

/** The steps that can be undone, and those that can be redone: up to `limit` of each. `groupMs` groups commands of one name. */
export function createSteps(limit: number, groupMs: number): Steps {
  const done: UndoStep[] = []
  const undone: UndoStep[] = []
  const listeners = createListeners()
  let count = 0
  let isTelling = false
  let group: StepGroup | undefined
  let running: object | undefined

  const stackOf = ({ kind }: Pick<UndoStep, 'kind'>): UndoStep[] => (kind === 'undo' ? undone : done)

  /** Tells listeners in a microtask: inside a decision, `read` is in an intermediate state. */
  function tell(): void {
    if (isTelling) return
    isTelling = true
    queueMicrotask(() => {
      isTelling = false
      listeners.tell()
    })
  }

  const steps: Steps = {
    last: (kind) => (kind === 'undo' ? done : undone).findLast(isOpen),
    enter(kind) {
      const step: UndoStep = { n: ++count, kind, parts: [] }
      group = undefined
      steps.putBack(step)
      return step
    },
    join(name, at) {
      const isOfGroup = running
        ? group?.running === running
        : group && !group.running && group.name === name && groupMs > 0 && at - group.at <= groupMs
      const fits = group && isOfGroup && group.step.parts.length < PARTS_MAX && done.includes(group.step)
      const step = fits && group ? group.step : steps.enter('command')
      group = { step, running, name, at }
      return step
    },
    group(work) {
      const outer = running
      running ??= {}
      const end = (): void => {
        if (!outer) running = undefined
      }
      let isRunning = false
      try {
        const result = work()
        if (isThenable(result)) {
          isRunning = true
          result.then(end, end)
        }
        return result
      } finally {
        if (!isRunning) end()
      }
    },
    putBack(step) {
      const stack = stackOf(step)
      stack.push(step)
      stack.sort((a, b) => a.n - b.n)
      if (stack.length > limit) stack.shift()
      tell()
    },
    remove(step, part) {
      if (part) step.parts = step.parts.filter((other) => other !== part)
      const stack = stackOf(step)
      if ((!part || !step.parts.length) && stack.includes(step)) stack.splice(stack.indexOf(step), 1)
      tell()
    },
    endRedo() {
      undone.length = 0
      tell()
    },
    subscribe: listeners.add,
    clear() {
      done.length = undone.length = 0
      tell()
    },
  }
  return steps
}
