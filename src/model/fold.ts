import { type Key, ModelError, type ProjectionFailed } from '../errors.ts'
import type { AnyRecordedEvent, EventTypesAtRuntime } from './events.ts'
import { checkKey, deepFreeze, isKey } from './json.ts'
import { type IntoTable, identity, type ProjectionDefinition, type ReadTable, type ReadValue } from './projection.ts'

/** A row's place. `n` is its insertion number; `row` is undefined only while it is not in the table. */
export interface Slot {
  readonly key: Key
  readonly n: number
  row: unknown
}

/** One change, enough to take it back and to know which row it touched. */
export interface Change {
  readonly fold: Fold
  readonly slot: Slot
  /** undefined: the row was absent. */
  readonly before: unknown
  /** The insertion counter before. */
  readonly next: number
}
export type Journal = Change[]

/** One projection in memory: the same for tabs, workers, rebuilds, time travel and tests. */
export interface Fold {
  readonly name: string
  readonly identity: string
  readonly definition: ProjectionDefinition
  /** Of the last event folded or skipped; the owner moves it. */
  sequence: number
  /** The insertion counter. */
  next: number
  /** Set by the owner. */
  failed: ProjectionFailed | undefined
  /** Another object after each change, all of them alive. */
  readonly view: ReadTable<any> | ReadValue<any>
  /** Present rows by insertion number; a value is one slot, n 0, key 0. */
  readonly slots: Iterable<Slot>
  handles(type: string): boolean
  /** Applies one event: all of it or (it throws) nothing. Appends its changes to the journal when one is given. */
  apply(event: AnyRecordedEvent, journal?: Journal): void
  /** Adds persisted rows, ascending by n. No checks, no copies: the hot path of boot. */
  load(rows: readonly unknown[], n: (index: number) => number): void
  /** Back to the initial state. */
  clear(): void
  revert(change: Change): void
}

/** Takes changes back, newest first, exactly; keeps the first `from`. */
export function undo(journal: Journal, from: number = 0): void {
  while (journal.length > from) {
    const change = journal.pop()!
    change.fold.revert(change)
  }
}

export function createFold(name: string, definition: ProjectionDefinition, types: EventTypesAtRuntime): Fold {
  const start = {
    name,
    identity: identity(name, definition, types),
    definition,
    sequence: 0,
    next: 0,
    failed: undefined,
    handles: (type: string) => type in definition.evolve,
  }
  return definition.into.kind === 'value' ? valueFold(start) : tableFold(start, definition.into)
}

type Start = Omit<Fold, 'view' | 'slots' | 'apply' | 'load' | 'clear' | 'revert'>

function valueFold(start: Start): Fold {
  const { evolve, into } = start.definition
  const slot: Slot = { key: 0, n: 0, row: undefined }
  const live: ReadValue<unknown> = {
    get value() {
      return deepFreeze(slot.row)
    },
  }
  let view: ReadValue<unknown> | undefined
  const set = (state: unknown) => {
    slot.row = state
    view = undefined
  }
  const fold: Fold = {
    ...start,
    get view() {
      return (view ??= Object.create(live) as typeof live)
    },
    slots: [slot],
    apply(event, journal) {
      const handler = evolve[event.type]
      if (!handler) return
      const before = slot.row
      if (__DEV__) deepFreeze(before)
      const after = handler(before, event)
      if (Object.is(after, before)) return
      journal?.push({ fold, slot, before, next: 0 })
      set(after)
    },
    load: ([state]) => set(state),
    clear() {
      set((into as { initial?: unknown }).initial)
      fold.sequence = 0
      fold.failed = undefined
    },
    revert: ({ before }) => set(before),
  }
  fold.clear()
  return fold
}

/** A slot, and the row it last handed out frozen. */
interface TableSlot extends Slot {
  frozen: unknown
}
/** Slots by insertion number, and the list last made of them. A table and each bucket of an index are one. */
interface Rows {
  readonly slots: Map<Key, TableSlot>
  list: readonly any[] | undefined
  last: number
  sorted: boolean
}
type Index = Map<unknown, Rows>

const none: readonly never[] = Object.freeze([])
const emptyRows = (): Rows => ({ slots: new Map(), list: undefined, last: -1, sorted: true })

function put(rows: Rows, slot: TableSlot): void {
  // A deletion taken back, or an old row that moves into a bucket, stands behind younger ones until the next look.
  if (slot.n > rows.last) rows.last = slot.n
  else rows.sorted = false
  rows.slots.set(slot.key, slot)
  rows.list = undefined
}
function drop(rows: Rows, slot: TableSlot): void {
  rows.slots.delete(slot.key)
  rows.list = undefined
}
function inOrder(rows: Rows): Iterable<TableSlot> {
  if (!rows.sorted) {
    const slots = [...rows.slots.values()].sort((a, b) => a.n - b.n)
    rows.slots.clear()
    for (const slot of slots) rows.slots.set(slot.key, slot)
    rows.sorted = true
  }
  return rows.slots.values()
}
/** Rows are frozen when somebody looks, not when they are made: most are never looked at. */
function handOut(slot: TableSlot): any {
  return slot.frozen === slot.row ? slot.row : (slot.frozen = deepFreeze(slot.row))
}
function list(rows: Rows): readonly any[] {
  if (!rows.list) {
    const made: unknown[] = []
    for (const slot of inOrder(rows)) made.push(handOut(slot))
    rows.list = Object.freeze(made)
  }
  return rows.list
}

function tableFold(start: Start, into: IntoTable): Fold {
  const { name, definition } = start
  const { by, evolve } = definition
  let table: Rows
  let indexes: Map<string, Index>
  let view: ReadTable<any> | undefined

  const bucketsOf = (property: string): Index => {
    let index = indexes.get(property)
    if (!index) {
      indexes.set(property, (index = new Map()))
      for (const slot of inOrder(table)) file(index, (slot.row as any)[property], slot)
    }
    return index
  }
  const file = (index: Index, value: unknown, slot: TableSlot) => {
    let bucket = index.get(value)
    if (!bucket) index.set(value, (bucket = emptyRows()))
    put(bucket, slot)
  }
  const live: ReadTable<any> = {
    get(key) {
      const slot = table.slots.get(key)
      return slot && handOut(slot)
    },
    has: (key) => table.slots.has(key),
    all: () => list(table),
    by(property, value) {
      const bucket = bucketsOf(property).get(value)
      return bucket ? list(bucket) : none
    },
    get size() {
      return table.slots.size
    },
  }

  /** Every change goes through here, taken back or not: row undefined is absence. */
  const write = (slot: TableSlot, after: any) => {
    const before = slot.row as any
    slot.row = after
    view = undefined
    if (before === undefined) put(table, slot)
    else if (after === undefined) drop(table, slot)
    else table.list = undefined
    for (const [property, index] of indexes) {
      const from = before?.[property]
      const to = after?.[property]
      const bucket = before && index.get(from)
      if (bucket && after && Object.is(from, to)) bucket.list = undefined
      else {
        if (bucket) {
          drop(bucket, slot)
          if (!bucket.slots.size) index.delete(from)
        }
        if (after) file(index, to, slot)
      }
    }
  }

  const touched = (event: AnyRecordedEvent): Iterable<Key> => {
    const named: unknown = by[event.type]!(event, fold.view)
    const what = `${name}: by.${event.type}`
    if (typeof named !== 'object' || !named) return [checkKey(named, what)]
    if (Array.isArray(named)) return new Set(named.map((key) => checkKey(key, what)))
    const [first, ...rest] = Object.entries(named)
    const bucket = first ? bucketsOf(first[0]).get(first[1]) : table
    const keys: Key[] = []
    if (bucket) {
      for (const { key, row } of inOrder(bucket)) {
        if (rest.every(([property, value]) => (row as any)[property] === value)) keys.push(key)
      }
    }
    return keys
  }

  const evolved = (handler: Function, event: AnyRecordedEvent, key: Key, before: unknown): any => {
    if (__DEV__) deepFreeze(before)
    const after: any = handler(before, event, key)
    if (after != null && after[into.key] !== key) {
      throw new ModelError(
        `${name}: evolve.${event.type} returned a row whose "${into.key}" is not its key ${JSON.stringify(key)}`,
      )
    }
    return after
  }

  const commit = (key: Key, slot: TableSlot | undefined, after: unknown, journal: Journal | undefined) => {
    const before = slot?.row
    if (after === undefined || after === before || (after === null && !slot)) return
    const { next } = fold
    slot ??= { key, n: fold.next++, row: undefined, frozen: undefined }
    journal?.push({ fold, slot, before, next })
    write(slot, after ?? undefined)
  }

  const fold: Fold = {
    ...start,
    get view() {
      return (view ??= Object.create(live) as typeof live)
    },
    get slots() {
      return inOrder(table)
    },
    apply(event, journal) {
      const { type } = event
      const handler = evolve[type]
      if (!handler) return
      if (!by[type]) {
        const named = event.data?.[into.key]
        const key = isKey(named) ? named : checkKey(named, `${name}: event "${type}"`)
        const slot = table.slots.get(key)
        commit(key, slot, evolved(handler, event, key, slot?.row), journal)
        return
      }
      // All rows first: a throw halfway leaves nothing behind.
      const results: [key: Key, slot: TableSlot | undefined, after: unknown][] = []
      for (const key of touched(event)) {
        const slot = table.slots.get(key)
        results.push([key, slot, evolved(handler, event, key, slot?.row)])
      }
      for (const result of results) commit(...result, journal)
    },
    load(rows, n) {
      for (let i = 0; i < rows.length; i++) {
        const row = rows[i] as any
        put(table, { key: row[into.key], n: n(i), row, frozen: undefined })
      }
      fold.next = table.last + 1
      indexes.clear()
      view = undefined
    },
    clear() {
      table = emptyRows()
      indexes = new Map()
      view = undefined
      fold.sequence = fold.next = 0
      fold.failed = undefined
    },
    revert({ slot, before, next }) {
      write(slot as TableSlot, before)
      fold.next = next
    },
  }
  fold.clear()
  return fold
}
