import { ModelError } from '../errors.ts'

// Only in development: longer messages for errors that production reports too. They name the value and the next step.

const isPromise = (value: unknown): boolean =>
  // The value may be anything, so this checks for `then`.
  typeof (value as { then?: unknown } | undefined)?.then === 'function'

const shownValue = (value: unknown): string => {
  const text = typeof value === 'function' ? 'a function' : (JSON.stringify(value) ?? String(value))
  return text.length > 80 ? `${text.slice(0, 80)}…` : text
}

export function explainCommand(model: string, name: string, commands: object): void {
  if (Object.hasOwn(commands, name)) return
  throw new ModelError(`unknown command "${name}": "${model}" has ${Object.keys(commands).join(', ') || 'none'}`)
}

export function explainDecision(command: string, decision: unknown, types: { version(type: string): number }): void {
  if (decision == null) return
  if (isPromise(decision)) {
    throw new ModelError(
      `command "${command}" is asynchronous: await first, then dispatch it with the result as its input`,
    )
  }
  for (const event of [decision].flat()) {
    // The value may be anything, also if the types say that it is an event.
    const type = (event as { type?: unknown } | null | undefined)?.type
    if (typeof type === 'string' && types.version(type)) continue
    throw new ModelError(
      `command "${command}" gave an unknown or retired event: ${shownValue(event)}; ` +
        'it gives events made by what defineEvents returned, one or a list of them, or nothing',
    )
  }
}

/** What a payload should keep instead of an instance, by class. */
const INSTEAD_OF: Record<string, string> = {
  Date: 'getTime() or toISOString()',
  Map: 'a list of its entries',
  Set: 'a list of its values',
  URL: 'its href',
}

export const explainInstance = (name: string | undefined): string =>
  name && Object.hasOwn(INSTEAD_OF, name) ? ` (keep ${INSTEAD_OF[name]})` : ''

export function explainKey(projection: string, type: string, key: unknown, property: string, isFound: boolean): void {
  if (key != null) return
  throw new ModelError(
    `${projection}: event "${type}" has no key: ` +
      (isFound
        ? `by.${type} gave ${key}; it gives a key, several or { property: value }`
        : `its payload has no "${property}"; let by.${type} say which rows it touches`),
  )
}

export function explainRow(
  projection: string,
  type: string,
  key: unknown,
  property: string | undefined,
  before: unknown,
  after: unknown,
): void {
  const handler = (): string => `${projection}: evolve.${type}`
  if (isPromise(after)) throw new ModelError(`${handler()} is asynchronous: an event carries all that its fold needs`)
  if (property === undefined || after == null) return
  // A row of a table that is not null is an object.
  const other = (after as Record<string, unknown>)[property]
  if (other === key) return
  throw new ModelError(
    `${handler()} returned another "${property}" than ${shownValue(key)}: ${shownValue(other)}. ` +
      (before === undefined
        ? 'There was no such row before: return a whole one, or undefined to leave it so'
        : 'A row keeps its key: spread the one before, or return null to delete it'),
  )
}
