import type { AddCase, RemoteUnderTest } from './conformance/kit.ts'
import { addMessageCases } from './conformance/messages.ts'
import { addOrderCases } from './conformance/order.ts'
import { addServerCases } from './conformance/server.ts'

/** One test: `run` rejects if the remote isn't what the engine relies on. */
export interface ConformanceCase {
  readonly name: string
  /** Runs the case; rejects if the remote fails it. */
  run(): Promise<void>
}

/**
 * The tests of an adapter: a remote that passes them all is one that the engine can rely on.
 * @example
 * ```ts
 * import { it } from 'vitest'
 * import { memoryRemote, remoteConformance } from 'tidemark/testing'
 *
 * const cases = remoteConformance({
 *   conditional: true,
 *   create: () => memoryRemote(),
 *   open: (server) => server.device()('todos'),
 *   openDenied: (server) => server.device({ denied: true })('todos'),
 * })
 * for (const { name, run } of cases) it(name, run)
 * ```
 *
 * Each case makes a new log. The cases work with every test runner: `run` rejects with an `Error` that says what the remote did.
 */
export function remoteConformance<Place>(subject: RemoteUnderTest<Place>): readonly ConformanceCase[] {
  const cases: ConformanceCase[] = []
  const test: AddCase<Place> = (name, run) =>
    void cases.push({
      name,
      async run() {
        const place = await subject.create()
        try {
          await run(() => subject.open(place), place)
        } finally {
          await subject.close?.(place)
        }
      },
    })

  addOrderCases(test, subject.conditional)
  addMessageCases(test)
  addServerCases(test, subject)
  return cases
}
