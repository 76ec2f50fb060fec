import type { Key } from '../data.ts'
import { InvalidData, ModelError } from '../errors.ts'
import { isPlain, tagOf } from './isPlain.ts'

// Development only. IndexedDB stores rows by structured clone, which refuses functions and drops the methods of a class.

/** Parts of rows that were found to be storable, so that a spread row costs only what is new in it. */
const checked = new WeakSet<object>()

/** Rows of each handler that are cloned, to find proxies: a proxy looks like its target until it is cloned. Cloning all rows would be slow. */
const CLONED_ROWS = 20
const clonedRows = new WeakMap<object, number>()

/**
 * Throws `InvalidData` with the path to a part that the database would refuse, or would return as something else. `what` names the row;
 * `handler` is the function that made it.
 */
export function checkRow(what: string, row: unknown, handler: object): void {
  const path: Key[] = []
  const found = new Set<object>()

  const refuse = (part: string, cause?: unknown): never => {
    const place = path.length ? ` at ${path.map((step) => `[${JSON.stringify(step)}]`).join('')}` : ''
    throw new InvalidData(
      `${what} can't be stored: it holds ${part}${place}. Keep plain data (what structured clone takes, without functions and class instances)`,
      path,
      cause,
    )
  }
  const visit = (value: unknown): void => {
    if (typeof value === 'function') refuse('a function')
    if (typeof value === 'symbol') refuse('a symbol')
    if (typeof value !== 'object' || !value || checked.has(value) || found.has(value)) return
    found.add(value)
    const refusal = refusalOf(value)
    if (refusal) refuse(refusal.part, refusal.cause)
    for (const [step, member] of membersOf(value)) {
      path.push(step)
      visit(member)
      path.pop()
    }
  }

  visit(row)
  const cloned = clonedRows.get(handler) ?? 0
  if (cloned < CLONED_ROWS && typeof structuredClone === 'function') {
    clonedRows.set(handler, cloned + 1)
    const refused = cloneError(row)
    if (refused) {
      findRefused(row, path, [])
      refuse('what structured clone refuses (a proxy of a framework?)', refused.cause)
    }
  }
  for (const part of found) checked.add(part)
}

function cloneError(value: unknown): { readonly cause: unknown } | undefined {
  try {
    structuredClone(value)
    return
  } catch (cause) {
    return { cause }
  }
}

/** Extends `path` from a value that can't be cloned to the part that causes it. Returns false if the cause may be a part above. */
function findRefused(value: unknown, path: Key[], above: readonly unknown[]): boolean {
  let isReason = true
  for (const [step, member] of typeof value === 'object' && value ? membersOf(value) : []) {
    if (member === value || above.includes(member)) {
      isReason = false
      continue
    }
    if (!cloneError(member)) continue
    path.push(step)
    if (findRefused(member, path, [...above, value])) return true
    path.pop()
  }
  return isReason
}

function* membersOf(value: object): Generator<[Key, unknown]> {
  const tag = tagOf(value)
  if (tag === 'Map') {
    // Of whatever window: the tag says what it is.
    for (const [key, member] of value as Map<unknown, unknown>) {
      const step = typeof key === 'number' || typeof key === 'string' ? key : typeof key
      yield [step, key]
      yield [step, member]
    }
  }
  // By its tag, too.
  else if (tag === 'Set') yield* [...(value as Set<unknown>)].entries()
  else if (Array.isArray(value)) yield* value.entries()
  else if (isPlain(value)) yield* Object.entries(value)
}

/** Why the database would not return an object as it is; undefined if it would. */
function refusalOf(value: object): { part: string; cause?: unknown } | undefined {
  if (isPlain(value)) return
  const ownClass: unknown = value.constructor
  const part = `an instance of ${typeof ownClass === 'function' && ownClass.name ? ownClass.name : 'a class'}`
  if (!isBuiltIn(ownClass)) return { part }
  if (Array.isArray(value) || ArrayBuffer.isView(value) || BUILT_IN.has(tagOf(value))) return
  // Another class of the browser: only a clone shows whether it can be stored.
  try {
    const clone: object = structuredClone(value)
    if (Object.getPrototypeOf(clone) !== Object.getPrototypeOf(value)) return { part }
  } catch (cause) {
    return { part, cause }
  }
  return
}

const BUILT_IN = new Set(['Date', 'RegExp', 'Map', 'Set', 'ArrayBuffer', 'Boolean', 'Number', 'String', 'BigInt'])

/** A class of the language or the browser, of any realm. */
const isBuiltIn = (type: unknown): boolean =>
  typeof type === 'function' &&
  (Reflect.get(globalThis, type.name) === type || /\[native code\]\s*\}$/.test(Function.prototype.toString.call(type)))

// ---- changes to objects that `Object.freeze` does not protect

const MUTATORS: Readonly<Record<string, readonly string[]>> = {
  Map: ['set', 'delete', 'clear'],
  Set: ['add', 'delete', 'clear'],
  Date: Object.getOwnPropertyNames(Date.prototype).filter((name) => name.startsWith('set')),
}

/** The bytes that views and buffers of rows had when they were first seen. */
const bytesSeen = new WeakMap<object, Uint8Array>()
let seesBytes = false

/** Makes the methods throw that change a `Map`, a `Set` or a `Date`. Remembers bytes, which nothing can freeze. */
export function forbidChanges(value: object, deepFreeze: (value: unknown) => unknown): void {
  const bytes = bytesOf(value)
  if (bytes && !bytesSeen.has(value)) {
    bytesSeen.set(value, bytes.slice())
    seesBytes = true
  }
  const tag = tagOf(value)
  const mutators = MUTATORS[tag]
  if (!mutators || !Object.isExtensible(value)) return
  for (const name of mutators) {
    const refuse = (): never => {
      throw new TypeError(
        `${name}() would change a ${tag} of a row or value that is frozen. Make a new ${tag}, and change that`,
      )
    }
    Object.defineProperty(value, name, { value: refuse })
  }
  Object.freeze(value)
  for (const [, member] of membersOf(value)) deepFreeze(member)
}

function bytesOf(value: object): Uint8Array | undefined {
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
  // By its tag, as it may be another window's.
  return tagOf(value) === 'ArrayBuffer' ? new Uint8Array(value as ArrayBuffer) : undefined
}

/** Throws `ModelError` if bytes of a row have changed since they were first seen. The message begins with `who`. */
export function checkBytes(row: unknown, who: string): void {
  if (!seesBytes) return
  const found = new Set<unknown>()
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || !value || found.has(value)) return
    found.add(value)
    const before = bytesSeen.get(value)
    if (before) {
      const bytes = bytesOf(value)
      if (before.length !== bytes?.length || before.some((byte, i) => byte !== bytes[i])) {
        throw new ModelError(`${who} changed bytes in place. Copy them first: bytes.slice()`)
      }
    }
    for (const [, member] of membersOf(value)) visit(member)
  }
  visit(row)
}
