import { isPlain, tagOf } from './isPlain.ts'

/**
 * Are both the same, or arrays or plain objects whose members are the same (`Object.is`), one level deep?
 * @example
 * ```ts
 * shallowEqual({ done: true, tags }, { done: true, tags }) // true
 * shallowEqual([{ id: 'a' }], [{ id: 'a' }]) // false: another object
 * ```
 */
export function shallowEqual(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true
  if (!hasMembers(a) || !hasMembers(b) || Array.isArray(a) !== Array.isArray(b)) return false
  const keys = Object.keys(a)
  return (
    keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && Object.is(a[key], b[key]))
  )
}

/**
 * Do both have the same content, at every depth? It compares what structured clone copies: plain objects (in any order of properties), arrays,
 * `Date`, `RegExp`, `Map`, `Set`, typed arrays, buffers, errors, cycles. An object whose content can't be seen (a `Blob`, a promise, a table
 * of `engine.read`) equals only itself.
 * @example
 * ```ts
 * const titles = useRead(engine, (read) => read.todos.all().map(({ id, title }) => ({ id, title })), deepEqual)
 * ```
 */
export function deepEqual(a: unknown, b: unknown): boolean {
  return isEqual(a, b, false)
}

/**
 * As `deepEqual`, for a row and its stored copy. A `Blob` or `File` equals another one of the same type, size, name and date, because its
 * bytes can be read only asynchronously and each copy is another object.
 */
export function rowsEqual(a: unknown, b: unknown): boolean {
  return isEqual(a, b, true)
}

const hasMembers = (value: unknown): value is Record<PropertyKey, unknown> =>
  typeof value === 'object' && !!value && (Array.isArray(value) || isPlain(value))

/** A stack of pairs instead of recursion: rows may be nested deeper than the call stack allows. */
function isEqual(a: unknown, b: unknown, blobsByShape: boolean): boolean {
  const pairs: unknown[] = [a, b]
  const compared = new Map<object, Set<object>>()
  while (pairs.length) {
    const other = pairs.pop()
    const one = pairs.pop()
    if (Object.is(one, other)) continue
    if (typeof one !== 'object' || typeof other !== 'object' || !one || !other) return false
    // A pair that was met before is compared only once: if it differs, the answer is false anyway. This also ends cycles.
    const met = compared.get(one)
    if (met?.has(other)) continue
    if (met) met.add(other)
    else compared.set(one, new Set([other]))
    if (!pushMembers(pairs, one, other, blobsByShape)) return false
  }
  return true
}

/** Adds the pairs of members that still have to be compared. Returns false if the two differ already. */
function pushMembers(pairs: unknown[], one: any, other: any, blobsByShape: boolean): boolean {
  const tag = tagOf(one)
  if (tag !== tagOf(other)) return false
  if (Array.isArray(one)) return one.length === other.length && pushProperties(pairs, one, other)
  if (ArrayBuffer.isView(one)) return haveSameBytes(one, other)
  switch (tag) {
    case 'ArrayBuffer':
      return haveSameBytes(new Uint8Array(one), new Uint8Array(other))
    case 'Date':
    case 'Boolean':
    case 'Number':
    case 'String':
    case 'BigInt':
      return Object.is(one.valueOf(), other.valueOf())
    case 'RegExp':
      return String(one) === String(other)
    case 'Map':
      return pushEntries(pairs, one, other)
    case 'Set':
      return pushEntries(pairs, new Map(one.entries()), new Map(other.entries()))
    case 'Error':
      pairs.push(one.cause, other.cause)
      return one.name === other.name && one.message === other.message
    case 'Blob':
    case 'File':
      return (
        blobsByShape && ['type', 'size', 'name', 'lastModified'].every((property) => one[property] === other[property])
      )
  }
  if (!isPlain(one) && !Object.keys(one).length) return false
  return pushProperties(pairs, one, other)
}

function pushProperties(pairs: unknown[], one: any, other: any): boolean {
  const keys = Object.keys(one)
  if (keys.length !== Object.keys(other).length) return false
  for (const key of keys) {
    if (!Object.hasOwn(other, key)) return false
    pairs.push(one[key], other[key])
  }
  return true
}

/** Compares the values of the keys that both maps have, and pairs the remaining keys (mostly objects) in their order. */
function pushEntries(pairs: unknown[], one: Map<unknown, unknown>, other: Map<unknown, unknown>): boolean {
  if (one.size !== other.size) return false
  const rest = [...other].filter(([key]) => !one.has(key))
  let matched = 0
  for (const [key, value] of one) {
    if (other.has(key)) pairs.push(value, other.get(key))
    else pairs.push(key, rest[matched]![0], value, rest[matched++]![1])
  }
  return true
}

function haveSameBytes(one: ArrayBufferView, other: ArrayBufferView): boolean {
  if (one.byteLength !== other.byteLength) return false
  // The type of `map` does not say that there are two.
  const [left, right] = [one, other].map(
    ({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength),
  ) as [Uint8Array, Uint8Array]
  return left.every((byte, i) => byte === right[i])
}
