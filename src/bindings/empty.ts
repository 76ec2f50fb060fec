import { createCore } from '../engine/core.ts'
import { reserve } from '../engine/part.ts'
import type { Status } from '../engine/types.ts'
import type { AnyModel, ReadModel } from '../model/model.ts'

interface Empty<P> {
  readonly read: ReadModel<P>
  readonly status: Status<P>
}
const empties = new WeakMap<object, Empty<any>>()

/**
 * The read model and status of an engine whose log is empty and in memory. A server renders this, and so does a page
 * that hydrates. It is the same object each time.
 */
export function emptyOf<P>(model: object): Empty<P> {
  let empty = empties.get(model)
  if (!empty) {
    // A core does not depend on a model's types.
    empty = createCore(model as AnyModel, '', true, reserve.load) as Empty<P>
    empties.set(model, empty)
  }
  return empty
}
