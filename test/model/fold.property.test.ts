import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type AnyRecordedEvent, defineEvents, event, eventTypes } from '../../src/model/events.ts'
import { createFold, type Journal, undo } from '../../src/model/fold.ts'
import { projection, type ReadTable, table } from '../../src/model/projection.ts'

interface Row {
  key: string
  group: number
  n: number
}
const events = defineEvents({
  set: event<{ key: string; group: number }>(),
  add: event<{ key: string }>(),
  remove: event<{ key: string }>(),
  regroup: event<{ from: number; to: number }>(),
  removeGroup: event<{ group: number }>(),
  touch: event<{ keys: string[] }>(),
  removeAfter: event<{ key: string }>(),
  fail: event<{ keys: string[] }>(),
})
const types = eventTypes(events)
const definition = projection(events, {
  into: table<Row>('key'),
  by: {
    regroup: ({ data }) => ({ group: data.from }),
    removeGroup: ({ data }) => ({ group: data.group }),
    touch: ({ data }) => data.keys,
    removeAfter: ({ data }, rows) => {
      const keys = rows.all().map(({ key }) => key)
      return keys.slice(keys.indexOf(data.key) + 1)
    },
    fail: ({ data }) => data.keys,
  },
  evolve: {
    set: (row, { data }) => ({ ...data, n: row?.n ?? 0 }),
    add: (row) => row && { ...row, n: row.n + 1 },
    remove: () => null,
    regroup: (row, { data }) => row && { ...row, group: data.to },
    removeGroup: () => null,
    touch: (row, _, key) =>
      row ? (row.n > 2 ? null : { ...row, n: row.n + 1 }) : { key: String(key), group: 0, n: 0 },
    removeAfter: () => null,
    fail: (row, _, key) => {
      if (key === 'c') throw new Error('fail')
      return row ? null : { key: String(key), group: 1, n: 0 }
    },
  },
})

type Event = ReturnType<(typeof events)[keyof typeof events & string]>
/** Folds an event into a plain array of rows, in order of insertion, in the simplest code. The fold has to give the same rows. */
function naive(rows: readonly Row[], event: Event): readonly Row[] {
  const change = (touched: readonly string[], evolve: (row: Row | undefined, key: string) => Row | null | undefined) =>
    [...new Set(touched)].reduce((rows: readonly Row[], key) => {
      const row = rows.find((row) => row.key === key)
      const next = evolve(row, key)
      if (next === undefined) return rows
      if (next === null) return rows.filter((row) => row.key !== key)
      return row ? rows.map((row) => (row.key === key ? next : row)) : rows.concat(next)
    }, rows)
  switch (event.type) {
    case 'set':
      return change([event.data.key], (row) => ({ ...event.data, n: row?.n ?? 0 }))
    case 'add':
      return rows.map((row) => (row.key === event.data.key ? { ...row, n: row.n + 1 } : row))
    case 'remove':
      return rows.filter(({ key }) => key !== event.data.key)
    case 'regroup':
      return rows.map((row) => (row.group === event.data.from ? { ...row, group: event.data.to } : row))
    case 'removeGroup':
      return rows.filter(({ group }) => group !== event.data.group)
    case 'touch':
      return change(event.data.keys, (row, key) =>
        row ? (row.n > 2 ? null : { ...row, n: row.n + 1 }) : { key, group: 0, n: 0 },
      )
    case 'removeAfter':
      return rows.slice(0, rows.findIndex(({ key }) => key === event.data.key) + 1)
    case 'fail':
      return event.data.keys.includes('c')
        ? rows
        : change(event.data.keys, (row, key) => (row ? null : { key, group: 1, n: 0 }))
  }
}

const key = fc.constantFrom('a', 'b', 'c', 'd', 'e', '')
const group = fc.integer({ min: 0, max: 2 })
const anyEvent: fc.Arbitrary<Event> = fc.oneof(
  fc.record({ key, group }).map(events.set),
  fc.record({ key, group }).map(events.set),
  fc.record({ key }).map(events.add),
  fc.record({ key }).map(events.remove),
  fc.record({ from: group, to: group }).map(events.regroup),
  fc.record({ group }).map(events.removeGroup),
  fc.record({ keys: fc.array(key, { maxLength: 4 }) }).map(events.touch),
  fc.record({ key }).map(events.removeAfter),
  fc.record({ keys: fc.array(key, { maxLength: 4 }) }).map(events.fail),
)
/** `undo` rolls back that many events. `look` reads, because reads build lists and indexes that later steps have to keep right. */
type Step = { apply: Event } | { undo: number } | { look: 'all' | 'by' | 'slots' } | { reload: true }
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: anyEvent.map((apply) => ({ apply })) },
  { weight: 2, arbitrary: fc.nat({ max: 6 }).map((undo) => ({ undo })) },
  { weight: 2, arbitrary: fc.constantFrom('all' as const, 'by' as const, 'slots' as const).map((look) => ({ look })) },
  { weight: 1, arbitrary: fc.constant({ reload: true as const }) },
)

test('the fold equals an array after any mix of applied events, rollbacks, reads and reloads', {
  timeout: 60_000,
}, () => {
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 40 }), (steps) => {
      let fold = createFold('p', definition as never, types)
      let journal: Journal = []
      /** The state before each event that can be undone: the rows of the array, and what the fold and its journal held. */
      let past: { rows: readonly Row[]; kept: number; objects: readonly unknown[]; next: number }[] = []
      let rows: readonly Row[] = []
      let sequence = 0
      const view = () => fold.view as ReadTable<Row>
      const check = () => {
        expect(view().all()).toEqual(rows)
        expect(view().size).toBe(rows.length)
        for (const group of [0, 1, 2])
          expect(view().by('group', group)).toEqual(rows.filter((row) => row.group === group))
        for (const key of ['a', 'b', 'c', 'd', 'e', '']) {
          expect(view().get(key)).toEqual(rows.find((row) => row.key === key))
          expect(view().has(key)).toBe(rows.some((row) => row.key === key))
        }
        expect([...fold.slots].map(({ row }) => row)).toEqual(rows)
      }
      for (const step of steps) {
        if ('apply' in step) {
          past.push({ rows, kept: journal.length, objects: [...fold.slots].map(({ row }) => row), next: fold.next })
          const recorded = { ...types.today(types.store(step.apply)), sequence: ++sequence, at: 0, commandId: 'c' }
          try {
            fold.apply(recorded as AnyRecordedEvent, journal)
          } catch (error) {
            expect((error as Error).message).toBe('fail')
            expect(journal.length).toBe(past.at(-1)!.kept)
          }
          rows = naive(rows, step.apply)
        } else if ('undo' in step) {
          const to = past[past.length - step.undo]
          if (!to) continue
          past = past.slice(0, -step.undo)
          rows = to.rows
          undo(journal, to.kept)
          expect(journal.length).toBe(to.kept)
          expect(fold.next).toBe(to.next)
          for (const [i, slot] of [...fold.slots].entries()) expect(slot.row).toBe(to.objects[i])
        } else if ('reload' in step) {
          const slots = [...fold.slots]
          const { next } = fold
          fold = createFold('p', definition as never, types)
          const half = slots.length >> 1
          for (const part of [slots.slice(0, half), slots.slice(half)]) {
            fold.load(
              part.map(({ row }) => row),
              (i) => part[i]!.n,
            )
          }
          fold.next = next
          journal = []
          past = []
        } else if (step.look === 'all') view().all()
        else if (step.look === 'by') view().by('group', 1)
        else void [...fold.slots]
      }
      check()
      undo(journal)
      rows = past[0]?.rows ?? rows
      check()
    }),
    { numRuns: 400 },
  )
})
