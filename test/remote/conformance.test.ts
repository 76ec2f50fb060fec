import { describe, expect, it, vi } from 'vitest'
import { type Remote, RemoteError } from '../../src/remote.ts'
import type { RemoteUnderTest } from '../../src/testing/conformance/kit.ts'
import { memoryRemote } from '../../src/testing/memoryRemote.ts'
import { remoteConformance } from '../../src/testing/remoteConformance.ts'
import { memorySubject, type Place } from './memory.ts'

describe.each([true, false])('a remote in memory, conditional: %s', (conditional) => {
  for (const { name, run } of remoteConformance(memorySubject({ conditional }))) it(name, run)
})

it('leaves out the cases of parts that a remote lacks', () => {
  const { create, open } = memorySubject()
  const names = remoteConformance({ conditional: true, create, open }).map(({ name }) => name)
  const all = remoteConformance(memorySubject()).map(({ name }) => name)
  expect(names.length).toBeLessThan(all.length)
  expect(new Set(all).size).toBe(all.length)
})

const broken = (change: (remote: Remote) => Partial<Remote>): RemoteUnderTest<Place> => {
  const subject = memorySubject({ bytes: 70_000 })
  return {
    ...subject,
    open(place) {
      const remote = subject.open(place)
      return { ...remote, ...change(remote) }
    },
  }
}

describe('conformance finds a remote that', () => {
  const tests: readonly (readonly [string, RemoteUnderTest<Place>, RegExp])[] = [
    [
      'answers "appended" and stores nothing',
      broken(() => ({ append: async () => 'appended' })),
      /an acknowledged append is found/,
    ],
    [
      'answers "refused" for a message that it has stored',
      broken(({ append }) => {
        let calls = 0
        return {
          async append(message, options) {
            const answer = await append(message, options)
            return ++calls % 5 === 0 ? 'refused' : answer
          },
        }
      }),
      /several appends after one position/,
    ],
    [
      'does not compare positions, though it claims to',
      { ...memorySubject({ conditional: false, bytes: 70_000 }), conditional: true },
      /of several appends after one position exactly one lands/,
    ],
    [
      'sorts by content',
      broken(({ read }) => ({
        async *read(after, options) {
          for await (const batch of read(after, options))
            yield [...batch].sort((a, b) => a.message.length - b.message.length)
        },
      })),
      /read with the bytes that were appended/,
    ],
    [
      'decodes and encodes each message as text',
      broken(({ read }) => ({
        async *read(after, options) {
          for await (const batch of read(after, options))
            yield batch.map(({ position, message }) => ({
              position,
              message: new TextEncoder().encode(new TextDecoder().decode(message)),
            }))
        },
      })),
      /not of the log are read unchanged/,
    ],
    [
      'leaves out messages that are not JSON',
      broken(({ read }) => ({
        async *read(after, options) {
          for await (const batch of read(after, options)) yield batch.filter(({ message }) => message[0] !== 0xff)
        },
      })),
      /not of the log are read unchanged/,
    ],
    [
      'ignores "including"',
      broken(({ read }) => ({ read: (after, { signal }) => read(after, { signal }) })),
      /resumes after any position, or at it/,
    ],
    [
      'gives everything in one batch',
      broken(({ read }) => ({
        async *read(after, options) {
          const all = []
          for await (const batch of read(after, options)) all.push(...batch)
          if (all.length) yield all
        },
      })),
      /batches of about 1 MB/,
    ],
    [
      'has an empty batch at the end',
      broken(({ read }) => ({
        async *read(after, options) {
          yield* read(after, options)
          yield []
        },
      })),
      /none of them empty/,
    ],
    [
      'reads the bytes after append has returned',
      broken(({ append }) => ({
        append: (message, options) => new Promise((done) => setTimeout(() => done(append(message, options)), 5)),
      })),
      /a change of the bytes after append was called/,
    ],
    [
      'accepts a message of any size',
      broken(({ append, limits }) => ({ limits: { bytes: limits.bytes / 2 }, append })),
      /over the limit is refused/,
    ],
    [
      'calls a watcher that has ended',
      broken(({ watch }) => ({
        watch(hear) {
          watch(hear)
          return () => {}
        },
      })),
      /hears "online", and "more"/,
    ],
    [
      'ignores the signal',
      broken(({ append, read }) => ({
        append: (message, options) => append(message, { ...options, signal: new AbortController().signal }),
        read: (after, options) => read(after, { ...options, signal: new AbortController().signal }),
      })),
      /aborted signal/,
    ],
    [
      'gives everybody access',
      { ...memorySubject({ bytes: 70_000 }), openDenied: (server) => server.device()('log') },
      /without access is denied/,
    ],
    [
      'calls every failure unreachable',
      {
        ...memorySubject({ bytes: 70_000 }),
        openDenied: (server) => ({
          ...server.device()('log'),
          append: () => Promise.reject(new RemoteError('unreachable')),
        }),
      },
      /without access is denied/,
    ],
    [
      'changes its positions when it restarts',
      (() => {
        const subject = memorySubject({ bytes: 70_000 })
        const shift = new WeakMap<Place, number>()
        return {
          ...subject,
          stop(place) {
            shift.set(place, (shift.get(place) ?? 0) + 100)
            return subject.stop?.(place)
          },
          open(place) {
            const remote = subject.open(place)
            const by = (): number => shift.get(place) ?? 0
            return {
              ...remote,
              append: (message, { after, ...rest }) =>
                remote.append(message, { ...rest, after: after && String(Number(after) - by()) }),
              async *read(after, options) {
                for await (const batch of remote.read(after && String(Number(after) - by()), options))
                  yield batch.map(({ position, message }) => ({ position: String(Number(position) + by()), message }))
              },
            }
          },
        } satisfies RemoteUnderTest<Place>
      })(),
      /positions are the same after a restart/,
    ],
  ]
  it.each(tests)('%s', async (_, subject, name) => {
    const [only, ...others] = remoteConformance(subject).filter((one) => name.test(one.name))
    expect(others).toEqual([])
    await expect(only?.run()).rejects.toThrow(/^The remote does not conform: /)
  })
})

it('conformance does not wait forever for a remote that never pokes', async () => {
  vi.useFakeTimers()
  const subject = {
    ...memorySubject({ bytes: 70_000 }),
    open: () => ({ ...memoryRemote().device()('log'), watch: () => () => {} }),
  }
  const poked = remoteConformance(subject).find(({ name }) => /hears "online", and "more"/.test(name))
  const run = expect(poked?.run()).rejects.toThrow('the watcher never heard "online"')
  await vi.advanceTimersByTimeAsync(60_000)
  await run
  vi.useRealTimers()
})
