/** Is it a plain object of any realm, or a proxy of one? JSON keeps these as objects. An array is not plain. */
export function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value)
  return !prototype || !Object.getPrototypeOf(prototype)
}

/** The name of a value's built-in class (`Map`, `Date`), of any realm; `Object` for all others. */
export const tagOf = (value: object): string => Object.prototype.toString.call(value).slice(8, -1)
