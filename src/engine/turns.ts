import { StorageError } from '../errors.ts'
import { lockName } from '../locks.ts'
import type { Fold } from '../model/fold.ts'
import { commandReadOf } from '../model/model.ts'
import type { Workshop } from '../projections/workshop.ts'
import { createQueue } from '../queue.ts'
import { rebase, type Tab, type Turns } from './tab.ts'

/** The turns of a tab over the folds of a pipeline, and those folds as the last of them has seen them. */
export interface PipelineTurns extends Turns {
  readonly folds: readonly Fold[]
  readonly commandRead: object
  /** Runs a task while no turn begins. */
  stepAside<T>(task: () => Promise<T>): Promise<T>
}

export function createTurns(shop: Workshop, tabOf: () => Tab): PipelineTurns {
  const { database, closing } = shop
  const aside = createQueue()
  let folds: readonly Fold[] = []
  let commandRead: object = {}
  let isOn = false

  /** The pipeline has folded what it heard of: this tab is there too, unless it has to find out what became of a command. */
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

  /** One turn: nobody else changes the folds before `step` is done. */
  async function take(now: readonly Fold[], step: () => Promise<void>): Promise<void> {
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
        whileAllowed(database.name, closing, () => shop.atHead((now) => take(now, step), tabOf().behind)),
      ),
    fold: shop.fold,
    stepAside: aside.run,
  }
}

/** Runs a turn while nobody needs to be alone with the log. */
async function whileAllowed(name: string, closing: AbortSignal, turn: () => Promise<void>): Promise<void> {
  const locks = globalThis.navigator?.locks
  if (!locks) return turn()
  await locks.request(lockName('turn', name), { mode: 'shared', signal: closing }, turn)
}
