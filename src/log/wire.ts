import {
  CommandIdConflict,
  CommandRejected,
  CorruptLog,
  EngineClosed,
  ImportError,
  InvalidData,
  ModelError,
  OutdatedCodeError,
  ProjectionFailed,
  StorageError,
} from '../errors.ts'

/** The error classes of this package, by name. A part that is loaded later adds its own. */
export const wireClasses: Record<string, abstract new (...given: any[]) => Error> = {
  CommandIdConflict,
  CommandRejected,
  CorruptLog,
  EngineClosed,
  ImportError,
  InvalidData,
  ModelError,
  OutdatedCodeError,
  ProjectionFailed,
  StorageError,
}

/** An error as plain data, for a port or a store. */
export interface WireError {
  readonly name: string
  readonly message: string
  readonly [field: string]: unknown
}

/** Turns an error into plain data: name, message and stack, and all fields if it is one of this package's errors. */
export function toWire(error: unknown): WireError {
  if (!(error instanceof Error)) {
    // An object may have no way to become a string.
    return { name: 'Error', message: typeof error === 'object' ? 'not an Error' : String(error) }
  }
  const { name, message, stack, cause } = error
  // Copies the fields of our own errors only: those of others may not be cloneable. Our errors have an own `name` that is not enumerable.
  // `instanceof` would miss some, because WebKit may hold two copies of a class.
  const own = Object.getOwnPropertyDescriptor(error, 'name')?.enumerable === false && {
    ...error,
    ...(cause !== undefined && { cause: toWire(cause) }),
  }
  return { name, message, stack, ...own }
}

/** Builds the error again: the same class, fields, stack and cause. */
export function fromWire({ name, message, cause, ...fields }: WireError): Error {
  const known = Object.hasOwn(wireClasses, name) ? wireClasses[name]! : Error
  const error: Error = Reflect.construct(Error, [message], known)
  // `toWire` made the cause, so it is a `WireError`.
  const named = { name, ...(cause !== undefined && { cause: fromWire(cause as WireError) }) }
  for (const [key, value] of Object.entries(named)) Object.defineProperty(error, key, { value, configurable: true })
  return Object.assign(error, fields)
}
