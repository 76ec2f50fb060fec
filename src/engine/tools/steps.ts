import { createListeners } from '../../async.ts'
import type { StoredEvent } from '../../model/events.ts'
import type { CommandContext } from '../../model/model.ts'
import type { Command } from '../pending.ts'
import type { ChangedRows } from './rowChanges.ts'

/** Commands that one step may hold: taking it back is one command, which should not hold up the page. */
const PARTS_MAX = 1_000

/** One command of a step, by its last decision. */
export interface StepCommand {
  /** Higher for a command that was decided later. */
  readonly n: number
  /** The app's command: a redo decides it again. */
  readonly origin: Pick<Command, 'name' | 'input' | 'context'>
  /** The part that this one takes back, as long as it matters. */
  back?: StepCommand | undefined
  rows: ChangedRows
  /** Decides what takes it back. undefined: nothing does, or the command is refused. */
  takeBack: ((context: CommandContext) => readonly StoredEvent[]) | undefined
}

/** What one undo or redo takes back. */
export interface UndoStep {
  readonly n: number
  readonly kind: 'command' | 'undo' | 'redo'
  parts: StepCommand[]
}

/** Commands of one tab that are to be one step. */
interface StepGroup {
  readonly step: UndoStep
  /** Of `group(…)`; undefined: by time. */
  readonly running: object | undefined
  readonly name: string
  readonly at: number
}

export interface Steps {
  /** The step that an undo, or a redo, takes back next. */
  last(kind: 'undo' | 'redo'): UndoStep | undefined
  /** A new step, the last one. */
  enter(kind: UndoStep['kind']): UndoStep
  /** The step for a new command: the one before, if both are of one group. */
  join(name: string, at: number): UndoStep
  /** Commands that are decided until `work` is over are one step. */
  group<T>(work: () => T): T
  /** Puts a step back where it was. */
  stay(step: UndoStep): void
  leave(step: UndoStep, part?: StepCommand): void
  /** A new command ends what could be done again. */
  endRedo(): void
  subscribe(listener: () => void): () => void
  clear(): void
}

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  // A guard asks before it knows.
  typeof (value as PromiseLike<unknown> | undefined)?.then === 'function'

const isOpen = ({ parts }: UndoStep): boolean => parts.some(({ takeBack }) => takeBack)

/** The steps that can be taken back, and those that can be done again. `limit` is for each; `groupMs` for commands of one name. */
export function createSteps(limit: number, groupMs: number): Steps {
  const done: UndoStep[] = []
  const undone: UndoStep[] = []
  const listeners = createListeners()
  let count = 0
  let isTelling = false
  let group: StepGroup | undefined
  let running: object | undefined

  const stackOf = ({ kind }: Pick<UndoStep, 'kind'>): UndoStep[] => (kind === 'undo' ? undone : done)

  /** Not inside a decision, where `read` is on its way to another state. */
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
      steps.stay(step)
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
    stay(step) {
      const stack = stackOf(step)
      stack.push(step)
      stack.sort((a, b) => a.n - b.n)
      if (stack.length > limit) stack.shift()
      tell()
    },
    leave(step, part) {
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
