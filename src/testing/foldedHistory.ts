import { ModelError } from '../errors.ts'
import { eventTypes, type StoredEvent } from '../model/events.ts'
import type { Fold } from '../model/fold.ts'
import { deepFreeze } from '../model/json.ts'
import { type AnyModel, createFolds, onDiskFolds } from '../model/model.ts'

/** Folds of all projections in memory, including those on disk. */
export interface History {
  readonly resident: readonly Fold[]
  /** The number of events that were folded. */
  readonly sequence: number
  fold(stored: readonly StoredEvent[], at: number): void
  /** The rows of a table, or a value. */
  rowsOf(projection: string): unknown
}

export function createHistory(model: AnyModel): History {
  const types = eventTypes(model.events)
  const resident = createFolds(model)
  const folds = [...resident, ...onDiskFolds(model)]
  let sequence = 0
  return {
    resident,
    get sequence() {
      return sequence
    },
    fold(stored, at) {
      for (const one of stored) {
        sequence++
        const today = deepFreeze(types.today(one, sequence))
        for (const fold of folds) {
          fold.apply({ ...today, sequence, at, commandId: 'given' })
          fold.sequence = sequence
        }
      }
    },
    rowsOf(projection) {
      const fold = folds.find(({ name }) => name === projection)
      if (!fold) throw new ModelError(`thenRows: "${model.name}" has no projection "${projection}"`)
      return fold.definition.into.kind === 'table' ? [...fold.slots].map(({ row }) => row) : [...fold.slots][0]?.row
    },
  }
}
