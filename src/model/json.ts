import { InvalidData, type Json, type Key, ModelError } from '../errors.ts'

export type { Json, Key }

/** `T` where it survives JSON unchanged, `never` in the places where it does not. */
export type JsonOf<T> = [T] extends [Json]
  ? T
  : T extends string | number | boolean | null | undefined | void
    ? T
    : T extends (...args: any) => any
      ? never
      : T extends readonly unknown[]
        ? { [K in keyof T]: undefined extends T[K] ? never : JsonOf<T[K]> }
        : T extends object
          ? { [K in keyof T]: JsonOf<T[K]> }
          : never

const maxDepth = 500
const maxLength = 2 ** 24

/** Plain objects of every realm, and proxies of them: what JSON keeps as an object. */
export function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value)
  return (
    prototype === null ||
    prototype === Object.prototype ||
    (Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, 'isPrototypeOf'))
  )
}

/**
 * A deep copy by JSON's rules: properties that are `undefined` are dropped, -0 becomes 0, proxies of plain data become plain;
 * whatever else JSON would change throws `InvalidData` with its path, as do more than 500 levels or 16 MiB of text.
 */
export function copyJson(value: unknown): unknown {
  const path: Key[] = []
  const ancestors: object[] = []
  let length = 0

  const refuse = (what: string, cause?: unknown): never => {
    throw new InvalidData(`${what} is not JSON`, path.slice(), cause)
  }
  const add = (characters: number): void => {
    length += characters
    if (length > maxLength) throw new InvalidData('larger than 16 MiB', path.slice())
  }
  const copy = (value: unknown): unknown => {
    switch (typeof value) {
      case 'string':
        add(value.length + 2)
        return value
      case 'number':
        add(4)
        // -0 + 0 is 0
        return Number.isFinite(value) ? value + 0 : refuse(String(value))
      case 'boolean':
        add(4)
        return value
      case 'object':
        break
      default:
        return refuse(typeof value)
    }
    add(4)
    if (value === null) return value
    if (ancestors.includes(value)) return refuse('a cycle')
    const depth = ancestors.push(value)
    if (depth > maxDepth) throw new InvalidData('deeper than 500 levels', path.slice())
    let result: unknown
    if (Array.isArray(value)) {
      const list: unknown[] = []
      // `length` once: a hostile proxy could let it grow.
      for (let i = 0, end = value.length; i < end; i++) {
        path[depth - 1] = i
        list.push(copy(value[i]))
      }
      result = list
    } else {
      if (!isPlain(value)) refuse(`an instance of ${value.constructor?.name || 'a class'}`)
      if (Object.getOwnPropertySymbols(value).length) refuse('a symbol as a key')
      const object: Record<string, unknown> = {}
      for (const key of Object.keys(value)) {
        path[depth - 1] = key
        const property = (value as Record<string, unknown>)[key]
        if (property === undefined) continue
        add(key.length + 3)
        const copied = copy(property)
        if (key === '__proto__') {
          Object.defineProperty(object, key, { value: copied, configurable: true, enumerable: true, writable: true })
        } else object[key] = copied
      }
      result = object
    }
    ancestors.pop()
    path.length = depth - 1
    return result
  }

  try {
    return value === undefined ? value : copy(value)
  } catch (error) {
    // A getter or a proxy threw.
    throw error instanceof InvalidData ? error : new InvalidData('unreadable data', path, error)
  }
}

/** Freezes plain objects and arrays all the way down; what is frozen already is taken to be frozen below, too. */
export function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value && !Object.isFrozen(value) && (Array.isArray(value) || isPlain(value))) {
    Object.freeze(value)
    for (const key of Object.keys(value)) deepFreeze((value as Record<string, unknown>)[key])
  }
  return value
}

/** JSON text that does not depend on the order of properties. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_, part) =>
    part && typeof part === 'object' && !Array.isArray(part)
      ? Object.fromEntries(
          Object.keys(part)
            .sort()
            .map((key) => [key, part[key]]),
        )
      : part,
  )
}

/** Two independent 32-bit hashes (cyrb53's mixing) and the length. Stored in logs: never change it. */
export function hash(text: string): string {
  let a = 0xdeadbeef
  let b = 0x41c6ce57
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    a = Math.imul(a ^ unit, 2654435761)
    b = Math.imul(b ^ unit, 1597334677)
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909)
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909)
  return [text.length, a >>> 0, b >>> 0].map((part) => part.toString(36)).join('-')
}

/** Tells whether a command id comes again with the same command and input (copied JSON). */
export function fingerprint(command: string, input: unknown): string {
  return hash(canonical(input === undefined ? [command] : [command, input]))
}

export const isKey = (key: unknown): key is Key =>
  typeof key === 'string' ? key.length <= 2 ** 20 : Number.isFinite(key)

/** A usable key: absent ones mean that the model is wrong, others that the data is. `what` names where it came from. */
export function checkKey(key: unknown, what: string): Key {
  if (isKey(key)) return key
  if (key == null) throw new ModelError(`${what} has no key`)
  throw new InvalidData(`${what}: a key is a string of at most 1 MiB or a finite number`)
}
