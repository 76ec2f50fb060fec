import { createCore } from '../engine/core.ts'
import { reserve } from '../engine/part.ts'
import type { Status } from '../engine/types.ts'
import type { AnyModel } from '../model/model.ts'

interface Empty {
  readonly read: object
  readonly status: Status<any>
}
const empties = new WeakMap<object, Empty>()

/**
 * What an engine of this model shows while its log is empty and in memory: what a server renders, and a page that goes on from that. The
 * same object each time.
 */
export function emptyOf(model: object): Empty {
  let empty = empties.get(model)
  if (!empty) empties.set(model, (empty = createCore(model as AnyModel, '', true, reserve.load)))
  return empty
}
