/** Plain objects of every realm, and proxies of them: what JSON keeps as an object. No arrays. */
export function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value)
  return !prototype || !Object.getPrototypeOf(prototype)
}

/** The name of a built-in class, also of another realm: `Map`, `Date`, `Object` for all others. */
export const tagOf = (value: object): string => Object.prototype.toString.call(value).slice(8, -1)
