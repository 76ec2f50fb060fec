import { eventTypes } from './events.ts'
import { createFold, type Fold } from './fold.ts'
import type { AnyModel } from './model.ts'

/** Projections on disk: folds that hold rows only while these are folded. */
export function onDiskFolds(model: AnyModel): Fold[] {
  const types = eventTypes(model.events)
  return Object.entries(model.projections).flatMap(([name, definition]) =>
    definition.into.resident === false ? createFold(name, definition, types) : [],
  )
}
