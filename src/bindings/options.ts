import type { Engine } from '../engine/types.ts'
import { shallowEqual } from '../model/isEqual.ts'
import type { ReadModel } from '../model/model.ts'

/** An engine of any model with these projections. */
export type AnyEngine<P = any> = Engine<any, P, any>
/**
 * An engine, or a function that returns one. With a function, the binding switches when it returns another engine, for
 * another user.
 */
export type GivenEngine<P> = AnyEngine<P> | (() => AnyEngine<P>)
/** Selects a value from the read model. */
export type Select<P, T> = (read: ReadModel<P>) => T
/** Whether two selected values are equal for a component. */
export type Equal<T> = (last: T, next: T) => boolean

/** Options of a binding that selects: how it compares values, and what a server rendered. */
export interface ReadOptions<T> {
  /**
   * Whether two values are equal for this component. By default `shallowEqual`; `deepEqual` also compares objects that
   * `select` builds.
   */
  readonly equal?: Equal<T> | undefined
  /** The value that the server rendered, if its log was not empty. A page that hydrates shows it first. */
  readonly server?: T
}

/** The options of a binding, or its `equal` alone. */
export type GivenOptions<T> = Equal<T> | ReadOptions<T> | undefined

export function optionsOf<T>(given: GivenOptions<T>): ReadOptions<T> & { readonly equal: Equal<T> } {
  const options: ReadOptions<T> = typeof given === 'function' ? { equal: given } : (given ?? {})
  return { ...options, equal: options.equal ?? shallowEqual }
}
