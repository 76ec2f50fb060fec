import fc from 'fast-check'
import { expect, test } from 'vitest'
import { lockName } from './rooms.ts'

const kinds = ['log', 'restore', 'mirror', 'worker', 'pipeline', 'engine', 'turn', 'rows', 'draft'] as const
const name = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom('', '/', 'mirror', 'x/y', '%002f', '../log', '\ud800', 'restore:x', 'tidemark/log/x'),
)
const lock = fc.record({ kind: fc.constantFrom(...kinds), names: fc.array(name, { minLength: 1, maxLength: 3 }) })

test('two locks have one name only if kind and names are the same, whatever logs are called', () => {
  fc.assert(
    fc.property(lock, lock, (one, other) => {
      const same = one.kind === other.kind && JSON.stringify(one.names) === JSON.stringify(other.names)
      expect(lockName(one.kind, ...one.names) === lockName(other.kind, ...other.names)).toBe(same)
    }),
    { numRuns: 2000 },
  )
})

test('a lock name says its kind, and browsers accept it', () => {
  fc.assert(
    fc.property(lock, ({ kind, names }) => {
      const made = lockName(kind, ...names)
      expect(made.startsWith(`tidemark/${kind}/`)).toBe(true)
      expect(made).toMatch(/^[\w/%-]+$/)
    }),
  )
  expect(lockName('mirror', 'todos-2')).toBe('tidemark/mirror/todos-2')
})
