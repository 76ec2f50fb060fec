import type { Json, Key } from './data.ts'

/** The base of our own errors: the name survives a minifier, the fields survive a port, and the message ends with the fields. */
export class Named<Name extends string> extends Error {
  declare readonly name: Name
  constructor(name: Name, message: string, fields?: object, cause?: unknown) {
    super(fields ? `${message} ${JSON.stringify(fields)}` : message, cause === undefined ? cause : { cause })
    Object.assign(this, fields)
    Object.defineProperty(this, 'name', { value: name, configurable: true })
  }
}

/**
 * A command refused its input with `reject(code, details)`. Nothing was appended.
 * @example
 * ```ts
 * try { await engine.dispatch.toggle({ id }) } catch (error) { if (error instanceof CommandRejected) console.log(error.code) }
 * ```
 */
export class CommandRejected extends Named<'CommandRejected'> {
  declare readonly code: string
  declare readonly details?: Json
  constructor(code: string, details?: Json) {
    super('CommandRejected', 'The command rejected its input. Nothing was appended', { code, details })
  }
}

/**
 * The `commandId` was used before, for another command or another input.
 * @example
 * ```ts
 * try {
 *   await engine.dispatch.add({ title: 'Milk' }, { commandId: 'click-17' })
 * } catch (error) {
 *   if (error instanceof CommandIdConflict) console.log(error.commandId)
 * }
 * ```
 */
export class CommandIdConflict extends Named<'CommandIdConflict'> {
  declare readonly commandId: string
  constructor(commandId: string) {
    super(
      'CommandIdConflict',
      'This commandId was used before, for another command or another input. Nothing was appended. Take a new id',
      { commandId },
    )
  }
}

/** One value that was refused. `path` leads to it from the root of the payload, the input or the row. */
export interface Issue {
  readonly message: string
  readonly path: readonly Key[]
}

/**
 * A payload, an input, a row or a key is invalid: it is not JSON, or breaks its schema or a limit. `path` leads to the first
 * value that was refused. `issues` has all of them, and `cause` is what the schema answered.
 * @example
 * ```ts
 * try { await engine.dispatch.signUp(form) } catch (error) {
 *   if (error instanceof InvalidData) for (const { path, message } of error.issues) show(path.join('.'), message)
 * }
 * ```
 */
export class InvalidData extends Named<'InvalidData'> {
  declare readonly path: readonly Key[]
  declare readonly issues: readonly Issue[]
  constructor(
    message: string,
    path: readonly Key[] = [],
    cause?: unknown,
    issues: readonly Issue[] = [{ message, path }],
  ) {
    super('InvalidData', message, { path }, cause)
    Object.assign(this, { issues })
  }
}

/**
 * The model itself is wrong: an unknown event or command, a row without its key or under another one, an asynchronous command, an `upcast` that throws.
 * @example
 * ```ts
 * expect(() => defineModel({ ...todoApp, name: '' })).toThrow(ModelError)
 * ```
 */
export class ModelError extends Named<'ModelError'> {
  constructor(message: string, cause?: unknown) {
    super('ModelError', message, undefined, cause)
  }
}

/**
 * A projection could not fold the event at `sequence`; `cause` is what `evolve` threw. The log and the other projections go on.
 * @example
 * ```ts
 * const { error } = engine.status.projections.todos
 * if (error instanceof ProjectionFailed) console.error(error.sequence, error.cause)
 * ```
 */
export class ProjectionFailed extends Named<'ProjectionFailed'> {
  declare readonly projection: string
  declare readonly sequence: number
  constructor(projection: string, sequence: number, cause?: unknown) {
    super(
      'ProjectionFailed',
      `Projection "${projection}" could not fold event ${sequence}${cause === undefined ? '' : `: ${describe(cause)}`}. ` +
        'It keeps its rows of before. Correct its `by` or `evolve`, and reload the page',
      { projection, sequence },
      cause,
    )
  }
}

const describe = (cause: unknown): string => {
  try {
    return String(cause)
  } catch {
    // An object may have no way to become a string.
    return 'an object was thrown'
  }
}

const STORAGE: Readonly<Record<StorageError['kind'], string>> = {
  quota: 'The browser has no space left for this site. Nothing was written. Free space, or call persist()',
  closed:
    'The browser closed the database, and it could not be opened again. Nothing was written. Try again, or reload the page',
  aborted: 'The browser aborted the transaction. Nothing was written. Try again',
  blocked: 'Another tab or page keeps the database open. Nothing was written. Close it, and try again',
  unavailable:
    'The browser does not give access to its storage now. Nothing was written. Try again, or reload the page',
  unknown:
    'The commit was sent, but it could not be read whether it is in the log. Dispatch again with the same commandId to find out',
  lost: 'The browser lost stored data',
}

/**
 * IndexedDB failed. Nothing was appended, except perhaps for `'unknown'`: whether the commit is in the log could not be read.
 * @example
 * ```ts
 * try {
 *   await engine.dispatch.add({ title: 'Milk' })
 * } catch (error) {
 *   if (error instanceof StorageError && error.kind === 'quota') console.log('Free some space, then try again.')
 * }
 * ```
 */
export class StorageError extends Named<'StorageError'> {
  declare readonly kind: 'quota' | 'closed' | 'aborted' | 'blocked' | 'unavailable' | 'unknown' | 'lost'
  constructor(kind: StorageError['kind'], message: string = STORAGE[kind], cause?: unknown) {
    super('StorageError', message, { kind }, cause)
  }
}

/**
 * The log holds an event this code does not know: a newer build wrote it, or it has to stay declared as `.retired()`.
 * @example
 * ```ts
 * const { state, lastError } = engine.status
 * if (state === 'outdated' && lastError instanceof OutdatedCodeError) location.reload()
 * ```
 */
export class OutdatedCodeError extends Named<'OutdatedCodeError'> {
  declare readonly type: string
  declare readonly version: number
  constructor(type: string, version: number) {
    super(
      'OutdatedCodeError',
      'The log holds an event that this code does not know: a newer build wrote it (reload the page), ' +
        'or it was removed and has to stay declared as .retired()',
      { type, version },
    )
  }
}

const CLOSED: Readonly<Record<EngineClosed['reason'], string>> = {
  closed: 'The engine was closed. Open it again',
  'log replaced':
    'Another log took the place of this one (it was deleted, imported or archived). Open the engine again, or reload the page',
  destroyed: 'The log was destroyed. Open the engine again to begin a new one',
}

/**
 * The engine no longer takes commands.
 * @example
 * ```ts
 * try {
 *   await engine.dispatch.add({ title: 'Milk' })
 * } catch (error) {
 *   if (error instanceof EngineClosed && error.reason === 'log replaced') location.reload()
 * }
 * ```
 */
export class EngineClosed extends Named<'EngineClosed'> {
  declare readonly reason: 'closed' | 'log replaced' | 'destroyed'
  constructor(reason: EngineClosed['reason']) {
    super('EngineClosed', CLOSED[reason], { reason })
  }
}

/**
 * The log has a hole or an unreadable record at `sequence`. Nothing is dropped or skipped.
 * @example
 * ```ts
 * const { state, lastError } = engine.status
 * if (state === 'failed' && lastError instanceof CorruptLog) console.error(lastError.sequence)
 * ```
 */
export class CorruptLog extends Named<'CorruptLog'> {
  declare readonly sequence: number
  constructor(sequence: number) {
    super(
      'CorruptLog',
      `The log has a hole or an unreadable record at event ${sequence}. Nothing was dropped or skipped. Import a copy of the log to go on`,
      { sequence },
    )
  }
}

/**
 * A file could not be imported; `line` counts from 1. Nothing of it became visible.
 * @example
 * ```ts
 * try {
 *   await importLog(engine, file)
 * } catch (error) {
 *   if (error instanceof ImportError) console.log(error.line, error.reason)
 * }
 * ```
 */
export class ImportError extends Named<'ImportError'> {
  declare readonly line: number
  declare readonly reason: string
  constructor(line: number, reason: string) {
    super('ImportError', `Line ${line} of the file could not be imported: ${reason}. Nothing was imported`, {
      line,
      reason,
    })
  }
}
