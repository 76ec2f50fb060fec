import type { Status } from '../engine/types.ts'
import { type AnyModel, createFolds, readOf } from '../model/model.ts'

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
  if (!empty) {
    const { projections } = model as AnyModel
    const ready = { state: 'ready', sequence: 0 } as const
    const status: Status<any> = Object.freeze<Status<any>>({
      state: 'ready',
      sequence: 0,
      projected: 0,
      pending: 0,
      worker: 'none',
      storage: 'memory',
      projections: Object.fromEntries(Object.keys(projections).map((name) => [name, ready])),
      mirror: { state: 'off', sequence: 0 },
    })
    empties.set(model, (empty = { read: Object.freeze(readOf(createFolds(model as AnyModel))), status }))
  }
  return empty
}
