import type { Engine } from '../engine/types.ts'
import { shallowEqual } from '../model/isEqual.ts'
import type { ReadModel } from '../model/model.ts'

/** An engine whose projections are known. */
export type AnyEngine<P = any> = Engine<any, P, any>
export type Select<P, T> = (read: ReadModel<P>) => T
export type Equal<T> = (last: T, next: T) => boolean

export interface ReadOptions<T> {
  /** Are both the same to this component? By default `shallowEqual`; `deepEqual` also looks inside rows that `select` builds. */
  readonly equal?: Equal<T> | undefined
  /** What the server rendered, if that was not the empty log: the first value of a page that goes on from its HTML. */
  readonly server?: T
}

/** The options of a binding, or its `equal` alone. */
export type Given<T> = Equal<T> | ReadOptions<T> | undefined

export function optionsOf<T>(given: Given<T>): ReadOptions<T> & { readonly equal: Equal<T> } {
  const options: ReadOptions<T> = typeof given === 'function' ? { equal: given } : (given ?? {})
  return { ...options, equal: options.equal ?? shallowEqual }
}
