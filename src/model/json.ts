import type { Json, Key } from '../data.ts'
import { InvalidData, ModelError } from '../errors.ts'
import { forbidChanges } from './checkRow.ts'
import { explainInstance } from './explain.ts'
import { isPlain } from './isPlain.ts'

/** `T`, if it survives JSON unchanged. Each part that does not survive becomes `'not JSON'`, so that the compiler's message names it. */
export type JsonOf<T> = [T] extends [Json]
  ? T
  : // biome-ignore lint/suspicious/noConfusingVoidType: an event without data is an EventType<void>
    T extends string | number | boolean | null | undefined | void
    ? T
    : T extends ((...args: any) => any) | Date | { readonly [Symbol.toStringTag]: string }
      ? 'not JSON'
      : T extends readonly unknown[]
        ? number extends T['length']
          ? { [K in keyof T]: undefined extends T[K] ? 'not JSON' : JsonOf<T[K]> }
          : { [K in keyof T]: JsonOf<T[K]> }
        : T extends object
          ? { [K in keyof T]: JsonOf<T[K]> }
          : 'not JSON'

/**
 * A deep copy by JSON's rules: properties that are `undefined` and symbol keys are left out, -0 becomes 0, proxies of plain data become
 * plain. Anything else that JSON would change throws `InvalidData` with its path, as do more than 500 levels or 16 MiB of text. The
 * error's message begins with `owner`.
 */
export function copyJson(value: unknown, owner?: string): Json | undefined {
  if (typeof value === 'object' && value) {
    try {
      const copied = copyShallow(value)
      if (copied) return copied
    } catch {
      // A getter or a proxy threw. The deep copy below reports its path.
    }
  }
  return copyDeep(value, owner)
}

function copyDeep(value: unknown, owner: string | undefined): Json | undefined {
  const path: Key[] = []
  const ancestors: unknown[] = []
  let length = 0

  const refuse = (what: unknown, cause?: unknown): never => {
    throw new InvalidData(`${owner ? `${owner}: ` : ''}${String(what)} is not JSON`, path, cause)
  }
  const copy = (value: any): Json => {
    const type = typeof value
    length += type === 'string' ? value.length : 4
    if (length > 2 ** 24) refuse('more than 16 MiB')
    if (value === null || type === 'string' || type === 'boolean') return value
    // -0 + 0 is 0
    if (type === 'number') return Number.isFinite(value) ? value + 0 : refuse(value)
    if (type !== 'object') refuse(type)
    if (ancestors.includes(value)) refuse('a cycle')
    const depth = ancestors.push(value) - 1
    if (depth === 500) refuse('more than 500 levels')
    let result: any
    if (Array.isArray(value)) {
      result = []
      // Reads `length` once: a hostile proxy could make it grow.
      for (let i = 0, end = value.length; i < end; i++) {
        path[depth] = i
        result[i] = copy(value[i])
      }
    } else {
      if (!isPlain(value)) {
        const name = value.constructor?.name
        refuse(`an instance of ${name}${__DEV__ ? explainInstance(name) : ''}`)
      }
      result = {}
      for (const key of Object.keys(value)) {
        path[depth] = key
        const property = value[key]
        if (property === undefined) continue
        length += key.length
        const copied = copy(property)
        if (key === '__proto__') Object.defineProperty(result, key, { value: copied, enumerable: true })
        else result[key] = copied
      }
    }
    ancestors.length = path.length = depth
    return result
  }

  try {
    return value === undefined ? value : copy(value)
  } catch (error) {
    // Any other error was thrown by a getter or a proxy.
    throw error instanceof InvalidData ? error : refuse('what cannot be read', error)
  }
}

/** The most properties of a shallow copy, and the most characters of each name and each text: together far below 16 MiB. */
const SHALLOW_PROPERTIES = 64
const SHALLOW_CHARACTERS = 65_536

/**
 * Copies a plain object of a few short primitives as `copyJson` does. Returns undefined for anything else, also for data that
 * `copyJson` refuses. Most inputs and payloads are such objects, and this allocates nothing but the copy.
 */
function copyShallow(value: object): Json | undefined {
  if (Array.isArray(value) || !isPlain(value)) return
  const result: Record<string, Json> = {}
  let properties = 0
  for (const key in value) {
    if (++properties > SHALLOW_PROPERTIES || key.length > SHALLOW_CHARACTERS) return
    if (key === '__proto__' || !Object.hasOwn(value, key)) return
    // Plain, and the key is its own.
    const property = (value as Record<string, unknown>)[key]
    if (property === undefined) continue
    if (typeof property === 'number') {
      if (!Number.isFinite(property)) return
      // -0 + 0 is 0
      result[key] = property + 0
    } else if (
      property === null ||
      typeof property === 'boolean' ||
      (typeof property === 'string' && property.length <= SHALLOW_CHARACTERS)
    )
      result[key] = property
    else return
  }
  return result
}

/**
 * Freezes plain objects and arrays all the way down. It assumes that the members of a frozen object are frozen, too. In development, the
 * methods that change a `Map`, a `Set` or a `Date` throw.
 */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || !value || Object.isFrozen(value)) return value
  if (Array.isArray(value) || isPlain(value)) {
    Object.freeze(value)
    // `in`, because a list of the keys would be allocated for each row and payload.
    for (const key in value) {
      const property = value[key]
      if (typeof property === 'object' && Object.hasOwn(value, key)) deepFreeze(property)
    }
  } else if (__DEV__) forbidChanges(value, deepFreeze)
  return value
}

/**
 * The JSON text of what `copyJson` returned. A page may have given arrays or objects a `toJSON` (Prototype.js did), which
 * `JSON.stringify` would call. This function ignores it, so that the value that was checked is the value that is stored.
 */
export function stringify(value: unknown): string {
  return 'toJSON' in Object.prototype || 'toJSON' in Array.prototype ? plainText(value) : JSON.stringify(value)
}

function plainText(value: any): string {
  if (typeof value !== 'object' || !value) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map((member) => plainText(member) ?? 'null').join()}]`
  const members = Object.keys(value).flatMap((key) => {
    const text = plainText(value[key])
    return text === undefined ? [] : `${JSON.stringify(key)}:${text}`
  })
  return `{${members.join()}}`
}

/** JSON text that does not depend on the order of properties. */
export function canonical(value: unknown): string {
  return stringify(sorted(value))
}

function sorted(value: any): unknown {
  if (typeof value !== 'object' || !value) return value
  if (Array.isArray(value)) return value.map(sorted)
  const keys = Object.keys(value).sort()
  return Object.fromEntries(keys.map((key) => [key, sorted(value[key])]))
}

/** The length and two independent 32-bit hashes. Stored in logs: never change it. */
export function hash(text: string): string {
  let a = 0
  let b = 0
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i) + 1
    a = Math.imul(a ^ unit, 0x9e3779b1)
    b = Math.imul(b + unit, 0x5f356495)
  }
  return [text.length, a >>> 0, b >>> 0].map((part) => part.toString(36)).join('-')
}

/** The same for equal commands and inputs (copied JSON): shows whether a command id was used again for something else. */
export function fingerprint(command: string, input: unknown): string {
  return hash(canonical(input === undefined ? [command] : [command, input]))
}

export const isKey = (key: unknown): key is Key =>
  typeof key === 'string' ? key.length <= 2 ** 20 : Number.isFinite(key)

/** Returns a usable key. Throws `ModelError` if it is absent, `InvalidData` if it is no key. `what` names where it came from. */
export function checkKey(key: unknown, what: string): Key {
  if (isKey(key)) return key
  if (key == null) throw new ModelError(`${what} has no key`)
  throw new InvalidData(`${what} has a key that is no string up to 1 MiB and no finite number`)
}
