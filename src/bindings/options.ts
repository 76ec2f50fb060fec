import type { Engine } from '../engine/types.ts'
import { shallowEqual } from '../model/isEqual.ts'
import type { ReadModel } from '../model/model.ts'

/** An engine of which only the projections are known. */
export type AnyEngine<P = any> = Engine<any, P, any>
/** The engine, or a function that gives it: another user's engine is then read as soon as it is there. */
export type GivenEngine<P> = AnyEngine<P> | (() => AnyEngine<P>)
/** What a component takes from the rows. */
export type Select<P, T> = (read: ReadModel<P>) => T
/** Are both the same to a component? */
export type Equal<T> = (last: T, next: T) => boolean

/** How a component compares what it selected, and what a server rendered. */
export interface ReadOptions<T> {
  /** Are both the same to this component? By default `shallowEqual`; `deepEqual` also looks inside rows that `select` builds. */
  readonly equal?: Equal<T> | undefined
  /** What the server rendered, if that was not the empty log: the first value of a page that goes on from its HTML. */
  readonly server?: T
}

/** The options of a binding, or its `equal` alone. */
export type GivenOptions<T> = Equal<T> | ReadOptions<T> | undefined

export function optionsOf<T>(given: GivenOptions<T>): ReadOptions<T> & { readonly equal: Equal<T> } {
  const options: ReadOptions<T> = typeof given === 'function' ? { equal: given } : (given ?? {})
  return { ...options, equal: options.equal ?? shallowEqual }
}
