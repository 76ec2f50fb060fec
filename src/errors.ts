import type { Json, Key } from './data.ts'

/** What our own errors have in common: a name that survives a minifier, and fields that survive a port and end the message. */
export class Named<Name extends string> extends Error {
  declare readonly name: Name
  constructor(name: Name, message: string, fields?: object, cause?: unknown) {
    super(fields ? `${message} ${JSON.stringify(fields)}` : message, cause === undefined ? cause : { cause })
    Object.assign(this, fields)
    Object.defineProperty(this, 'name', { value: name, configurable: true })
  }
}

/**
 * A command said no, by `reject(code, details)`. Nothing was appended.
 * @example
 * try { await engine.dispatch.toggle({ id }) } catch (error) { if (error instanceof CommandRejected) console.log(error.code) }
 */
export class CommandRejected extends Named<'CommandRejected'> {
  declare readonly code: string
  declare readonly details?: Json
  constructor(code: string, details?: Json) {
    super('CommandRejected', 'rejected', { code, details })
  }
}

/** The `commandId` was used before, for another command or another input. */
export class CommandIdConflict extends Named<'CommandIdConflict'> {
  declare readonly commandId: string
  constructor(commandId: string) {
    super('CommandIdConflict', __DEV__ ? 'used before, with another command or input' : 'used otherwise', { commandId })
  }
}

/** A payload, an input or a key is not JSON, breaks its schema or a limit. `path` leads to the value, from the payload's root. */
export class InvalidData extends Named<'InvalidData'> {
  declare readonly path: readonly Key[]
  constructor(message: string, path: readonly Key[] = [], cause?: unknown) {
    super('InvalidData', message, { path }, cause)
  }
}

/** The model itself is wrong: an unknown event or command, a row without its key or under another one, an asynchronous command. */
export class ModelError extends Named<'ModelError'> {
  constructor(message: string, cause?: unknown) {
    super('ModelError', message, undefined, cause)
  }
}

/** A projection could not fold the event at `sequence`; `cause` is what `evolve` threw. The log and the other projections go on. */
export class ProjectionFailed extends Named<'ProjectionFailed'> {
  declare readonly projection: string
  declare readonly sequence: number
  constructor(projection: string, sequence: number, cause?: unknown) {
    super('ProjectionFailed', __DEV__ && cause ? `not folded: ${cause}` : 'not folded', { projection, sequence }, cause)
  }
}

/** IndexedDB failed. Nothing was appended, except perhaps for `'unknown'`: whether the commit is in the log could not be read. */
export class StorageError extends Named<'StorageError'> {
  declare readonly kind: 'quota' | 'closed' | 'aborted' | 'unavailable' | 'unknown' | 'lost'
  constructor(kind: StorageError['kind'], message: string = 'storage', cause?: unknown) {
    super('StorageError', message, { kind }, cause)
  }
}

/** The log holds an event this code does not know: a newer build wrote it, or it has to stay declared as `.retired()`. */
export class OutdatedCodeError extends Named<'OutdatedCodeError'> {
  declare readonly type: string
  declare readonly version: number
  constructor(type: string, version: number) {
    const message = __DEV__
      ? 'not known to this code: a newer build wrote it, or it was removed and has to stay declared as .retired()'
      : 'unknown'
    super('OutdatedCodeError', message, { type, version })
  }
}

/** The engine no longer takes commands. */
export class EngineClosed extends Named<'EngineClosed'> {
  declare readonly reason: 'closed' | 'log replaced' | 'destroyed'
  constructor(reason: EngineClosed['reason']) {
    super('EngineClosed', __DEV__ && reason === 'log replaced' ? 'closed, reload the page' : 'closed', { reason })
  }
}

/** The log has a hole or an unreadable record at `sequence`. Nothing is dropped or skipped. */
export class CorruptLog extends Named<'CorruptLog'> {
  declare readonly sequence: number
  constructor(sequence: number) {
    super('CorruptLog', __DEV__ ? 'the log has a hole or an unreadable record' : 'unreadable', { sequence })
  }
}

/** A file could not be imported; `line` counts from 1. Nothing of it became visible. */
export class ImportError extends Named<'ImportError'> {
  declare readonly line: number
  declare readonly reason: string
  constructor(line: number, reason: string) {
    super('ImportError', 'not imported', { line, reason })
  }
}
