import { ModelError } from '../errors.ts'

interface Timers {
  readonly setImmediate?: object
  readonly setTimeout: object
}
const timers: Timers = globalThis

/** The timer on which fake-indexeddb answers. */
const clock = (): keyof Timers => (timers.setImmediate ? 'setImmediate' : 'setTimeout')

const isFaked = (): boolean => {
  const timer = timers[clock()]
  // Vitest, Jest and Sinon set `clock` on the functions that they put in place. Jest's legacy timers are mock functions.
  return isFakeIndexedDb() && !!timer && ['clock', '_isMockFunction'].some((mark) => mark in timer)
}

const isFakeIndexedDb = (): boolean =>
  'indexedDB' in globalThis && !/\[native code\]/.test(Function.prototype.toString.call(indexedDB.open))

const advice = (): string =>
  `Fake timers have replaced ${clock()}, on which fake-indexeddb answers: nothing that the engine reads or writes ever ends. ` +
  "Fake only what the test needs, say vi.useFakeTimers({ toFake: ['Date'] }) or jest.useFakeTimers({ doNotFake: ['setImmediate'] }), " +
  "or open the engine with { storage: 'memory' }"

/** Throws `ModelError` if fake timers keep fake-indexeddb from answering. */
export function assertRealTimers(): void {
  if (isFaked()) throw new ModelError(`openTestEngine: ${advice()}`)
}

let hasWarned = false

/** Warns of timers that were faked after the engine was opened: once, and again if they were real in between. */
export function warnOfFakeTimers(): void {
  const faked = isFaked()
  if (faked && !hasWarned) console.error(`tidemark: ${advice()}`)
  hasWarned = faked
}
