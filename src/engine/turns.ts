import { StorageError } from '../errors.ts'
import { lockName } from '../locks.ts'
import type { Fold } from '../model/fold.ts'
import { commandReadOf } from '../model/model.ts'
import type { Workshop } from '../projections/workshop.ts'
import { createQueue } from '../queue.ts'
import { rebase, type Tab, type Turns } from './tab.ts'

/** The turns of a tab on the folds of a pipeline, with the folds of the last turn. */
export interface PipelineTurns extends Turns {
  readonly folds: readonly Fold[]
  readonly commandRead: object
  /** Runs a task between two turns. */
  stepAside<T>(task: () => Promise<T>): Promise<T>
}

export function createTurns(shop: Workshop, tabOf: () => Tab): PipelineTurns {
  const { database, closing } = shop
  const aside = createQueue()
  let folds: readonly Fold[] = []
  let commandRead: object = {}
  let isOn = false

  /**
   * Moves the tab's head to what the pipeline has folded. It stays if a command is unsure, because then catch-up has to
   * read the commits itself. Throws if the pipeline is behind the tab.
   */
  function stand(tab: Tab, now: readonly Fold[]): void {
    folds = now
    commandRead = commandReadOf(now)
    const isUnsure = tab.pending.some(({ phase }) => phase === 'unsure')
    rebase(tab, () => {
      if (!isUnsure) tab.head = Math.max(tab.head, database.log?.base ?? 0, ...now.map(({ sequence }) => sequence))
    })
    if (now.every(({ failed, sequence }) => failed || sequence >= tab.head)) return
    throw new StorageError('aborted', `The pipeline of "${database.name}" has not folded what its engine has seen`)
  }

  /** Runs one turn. Nothing else changes the folds until `step` is done. */
  async function runTurn(now: readonly Fold[], step: () => Promise<void>): Promise<void> {
    isOn = true
    try {
      stand(tabOf(), now)
      await step()
    } finally {
      isOn = false
    }
  }

  return {
    get folds() {
      return folds
    },
    get commandRead() {
      return commandRead
    },
    get isOn() {
      return isOn
    },
    runStep: (step) =>
      aside.run(() =>
        whileAllowed(database.name, closing, () => shop.atHead((now) => runTurn(now, step), tabOf().behind)),
      ),
    fold: shop.fold,
    stepAside: aside.run,
  }
}

/** Runs a turn under a shared lock. Tools that must be alone with the log take that lock exclusively. */
async function whileAllowed(name: string, closing: AbortSignal, turn: () => Promise<void>): Promise<void> {
  const locks = globalThis.navigator?.locks
  if (!locks) return turn()
  await locks.request(lockName('turn', name), { mode: 'shared', signal: closing }, turn)
}
