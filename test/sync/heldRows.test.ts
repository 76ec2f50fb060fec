import fc from 'fast-check'
import { expect, test } from 'vitest'
import { holdRows } from '../../src/engine/shared/heldRows.ts'
import { defineEvents, event, eventTypes } from '../../src/model/events.ts'
import { createFold, type Journal, undo } from '../../src/model/fold.ts'
import { projection, type ReadTable, type ReadValue, table, value } from '../../src/model/projection.ts'

interface Row {
  key: string
  group: number
}
const events = defineEvents({
  set: event<{ key: string; group: number }>(),
  remove: event<{ key: string }>(),
  clear: event(),
})
const rows = projection(events, {
  into: table<Row>('key'),
  by: { clear: () => ({}) },
  evolve: {
    set: (_, { data }) => data,
    remove: () => null,
    clear: () => null,
  },
})
const last = projection(events, { into: value(''), evolve: { set: (_, { data }) => data.key } })

function createFolds() {
  const [table, value] = [rows, last].map((definition, i) =>
    // What `projection` returns is a definition.
    createFold(String(i), definition as unknown as Parameters<typeof createFold>[1], eventTypes(events)!),
  )
  return [table!, value!] as const
}
const KEYS = ['a', 'b', 'c', 'd']
const groups = [0, 1, 2]

/** Everything that an app can read. */
function read([table, value]: ReturnType<typeof createFolds>) {
  // The definitions above say what the views are.
  const view = table.view as ReadTable<Row>
  return {
    all: view.all(),
    size: view.size,
    by: groups.map((group) => view.by('group', group)),
    get: KEYS.map((key) => view.get(key)),
    has: KEYS.map((key) => view.has(key)),
    value: (value.view as ReadValue<string>).value,
  }
}

const key = fc.constantFrom(...KEYS)
const someEvent = fc.oneof(
  { weight: 4, arbitrary: fc.record({ type: fc.constant('set'), data: fc.record({ key, group: fc.nat(2) }) }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('remove'), data: fc.record({ key }) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('clear'), data: fc.constant(null) }) },
)

test('held rows are those from before the first change, whatever is undone and made, in the same order', () => {
  fc.assert(
    fc.property(
      fc.array(someEvent),
      fc.array(fc.option(someEvent), { maxLength: 30 }),
      fc.boolean(),
      (first, then, looks) => {
        const folds = createFolds()
        let sequence = 0
        const journals: Journal[] = []
        const apply = (event: (typeof first)[number]): Journal => {
          const journal: Journal = []
          sequence++
          for (const fold of folds)
            fold.apply({ ...event, at: 0, commandId: '', sequence } as Parameters<typeof fold.apply>[0], journal)
          journals.push(journal)
          return journal
        }
        for (const event of first) apply(event)
        const before = structuredClone(read(folds))
        const rowsBefore = read(folds).get
        const held = holdRows(folds)
        for (const event of then) {
          if (event) held.noteMade(apply(event))
          else {
            const journal = journals.pop()
            if (!journal) continue
            held.noteBeforeUndo(journal)
            undo(journal)
          }
          if (looks) expect(read(folds)).toEqual(before)
        }
        expect(read(folds)).toEqual(before)
        // A row is the same object, and so is a list that is read twice.
        for (const [i, row] of read(folds).get.entries()) expect(row).toBe(rowsBefore[i])
        expect(read(folds).all).toBe(read(folds).all)
        for (const [i, list] of read(folds).by.entries()) expect(list).toBe(read(folds).by[i])
        held.release()
        const fresh = createFolds()
        for (const [i, fold] of folds.entries()) {
          fresh[i]!.load(
            [...fold.slots].map(({ row }) => row),
            (n) => n,
          )
        }
        expect(read(folds)).toEqual(read(fresh))
      },
    ),
    { numRuns: 300 },
  )
})

test('a table that does not change keeps its lists while other rows are held', () => {
  const folds = createFolds()
  const [table, value] = folds
  const set = { type: 'set', data: { key: 'a', group: 1 }, at: 0, commandId: '', sequence: 1 }
  table.apply(set)
  const { all, by } = read(folds)
  const held = holdRows(folds)
  const journal: Journal = []
  value.apply(set, journal)
  held.noteMade(journal)
  const now = read(folds)
  expect(now.all).toBe(all)
  for (const [i, list] of now.by.entries()) expect(list).toBe(by[i])
  held.release()
  expect(read(folds).all).toBe(all)
})
