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
 * What an engine of this model shows while its log is empty and in memory: what a server renders, and a page that goes on from that. The
 * same object each time.
 */
export function emptyOf<P>(model: object): Empty<P> {
  let empty = empties.get(model)
  if (!empty) {
    // The engine's inside knows no model's types.
    empty = createCore(model as AnyModel, '', true, reserve.load) as Empty<P>
    empties.set(model, empty)
  }
  return empty
}
