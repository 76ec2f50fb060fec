import type { CommitRecord } from '../../log/commit.ts'
import { type Journal, undo } from '../../model/fold.ts'
import { applyCommit, rebase, type Tab } from '../tab.ts'
import { type HeldRows, holdRows } from './heldRows.ts'
import { inSlices } from './inSlices.ts'
import type { LocalLayer } from './layer.ts'

/** With more local commands than this, a tab refolds in slices and keeps showing the old rows until it is done. */
const REFOLDED_AT_ONCE = 1000
/** After this many commits the tab shows its rows, so that a log that grows without pause does not keep them for ever. */
const HELD_COMMITS = 10_000

/** Takes rows back and puts them on again in slices, while the app reads the old rows. */
export interface Refold {
  /** While a refold is under way, the last event of the log and the number of local commands that the rows show. */
  readonly shown: { readonly head: number; readonly length: number } | undefined
  readonly journal: Journal | undefined
  /** Whether so many local commands have to be refolded in slices. */
  isLong(commands: number): boolean
  /** Takes the rows of the local commands back to the first `kept`, applies commits, and then calls `change`. */
  take(commits: readonly CommitRecord[], kept?: number, change?: () => void): Promise<void>
  /** Puts the rows of the local and the pending commands on, and shows them. */
  end(): Promise<void>
  /** Does what is left of `take` and `end` at once. */
  finish(): void
}

export function createRefold(tab: Tab, local: LocalLayer): Refold {
  let shown: Refold['shown']
  let held: HeldRows | undefined
  const journal: Journal = []
  let commits = 0
  /** The steps that are left of `take` or `end`. */
  let running: Iterable<void> = []
  /** The error that ended the steps of `take` or `end`. */
  let failure: { readonly error: unknown } | undefined

  function hold(): HeldRows {
    shown = { head: tab.head, length: local.length }
    held = holdRows(tab.folds)
    commits = 0
    for (const { decision } of [...tab.pending].reverse()) {
      held.noteBeforeUndo(decision.journal)
      undo(decision.journal)
    }
    return held
  }

  function* taking(records: readonly CommitRecord[], kept: number, change?: () => void): Generator<void> {
    const rows = held ?? hold()
    yield* local.takingBack(kept, rows.noteBeforeUndo)
    for (const record of records) {
      try {
        applyCommit(tab, record)
      } finally {
        rows.noteMade(journal.splice(0))
      }
      commits++
      yield
    }
    change?.()
  }

  function* ending(): Generator<void> {
    const rows = held
    if (!rows) return
    tab.tip = tab.head
    try {
      yield* local.puttingOn(rows.noteMade)
    } finally {
      rows.release()
      held = shown = undefined
    }
    // Decides the pending commands, and tells subscribers.
    rebase(tab, () => {})
  }

  /** Keeps an error for `run`: a caller that only wants the rows, as a dispatch does, must not get it. */
  function* failing(steps: Iterable<void>): Generator<void> {
    try {
      yield* steps
    } catch (error) {
      failure ??= { error }
    }
  }

  async function run(steps: Iterable<void>): Promise<void> {
    running = failing(steps)
    await inSlices(running)
    running = []
    const failed = failure
    failure = undefined
    if (failed) throw failed.error
  }

  const refold: Refold = {
    get shown() {
      return shown
    },
    get journal() {
      return held && journal
    },
    // A pipeline's tab has no app that waits for it.
    isLong: (commands) => !!held || (commands > REFOLDED_AT_ONCE && !tab.turns),
    async take(records, kept = 0, change) {
      await run(taking(records, kept, change))
      if (commits >= HELD_COMMITS) await refold.end()
    },
    end: () => run(ending()),
    finish() {
      if (!held) return
      for (const _ of running);
      for (const _ of failing(ending()));
    },
  }
  return refold
}
