import type { Key } from '../data.ts'
import { ModelError, ProjectionFailed } from '../errors.ts'
import { checkBytes, checkRow } from './checkRow.ts'
import type { AnyRecordedEvent, EventTypesAtRuntime } from './events.ts'
import { explainKey, explainRow } from './explain.ts'
import { checkKey, deepFreeze, isKey } from './json.ts'
import { identity, type ProjectionDefinition, type ReadTable, type ReadValue } from './projection.ts'

/** A row's place. `n` is its insertion number; `row` is undefined only while it is not in the table. */
export interface Slot {
  readonly key: Key
  readonly n: number
  /** Of the type that the app declares. */
  row: any
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
  /** The last event that was folded or skipped. The owner sets it. */
  sequence: number
  /** The insertion counter. It belongs to the checkpoint: the caller that loads rows sets it. */
  next: number
  /** Set by the owner. */
  failed: ProjectionFailed | undefined
  /** A new object after each change. Old ones show the present rows, too. */
  readonly view: ReadTable<any> | ReadValue<any>
  /** The prototype of all views, whose own prototype has the present rows. */
  readonly shown: object
  /** Present rows by insertion number; a value is one slot, n 0, key 0. */
  readonly slots: Iterable<Slot>
  handles(type: string): boolean
  /** Applies all of one event, or throws and changes nothing. Appends its changes to the journal if one is given. */
  apply(event: AnyRecordedEvent, journal?: Journal): void
  /** Adds persisted rows, ascending by n. No checks, no copies: the hot path of boot. */
  load(rows: readonly unknown[], n: (index: number) => number): void
  /** Back to the initial state. */
  clear(): void
  revert(change: Change): void
}

/** Takes changes back, the newest first, until only the first `from` are left. */
export function undo(journal: Journal, from: number = 0): void {
  while (journal.length > from) {
    const change = journal.pop()!
    change.fold.revert(change)
  }
}

/**
 * Folds one whole commit, if it is the next one for this fold. If `evolve` throws, the fold has failed and everything that
 * the commit changed is taken back: a checkpoint is only ever at the end of a commit (rule 1). Calls `folded` for each
 * event that the fold handles, right after its changes.
 */
export function foldCommit(
  fold: Fold,
  { first, last }: { readonly first: number; readonly last: number },
  events: readonly AnyRecordedEvent[],
  journal: Journal,
  folded?: (event: AnyRecordedEvent) => void,
): void {
  // Event n is folded only if the checkpoint is n - 1.
  if (fold.failed || fold.sequence !== first - 1) return
  const from = journal.length
  let sequence = first
  try {
    for (const event of events) {
      if (!fold.handles(event.type)) continue
      sequence = event.sequence
      fold.apply(event, journal)
      folded?.(event)
    }
    fold.sequence = last
  } catch (error) {
    undo(journal, from)
    fold.failed = new ProjectionFailed(fold.name, sequence, error)
  }
}

/** Slots by insertion number, and the list last made of them. A table has one, and so has each bucket of an index. */
interface SlotList {
  readonly slots: Map<Key, Slot>
  list: readonly any[] | undefined
  /** The highest insertion number; Infinity while the slots are out of order. */
  last: number
}
type Index = Map<unknown, SlotList>

const noRows: readonly never[] = Object.freeze([])

const emptyRows = (): SlotList => ({ slots: new Map(), list: undefined, last: -1 })

function put(rows: SlotList, slot: Slot): void {
  // A deletion that was taken back, or an old row that moves into a bucket, is behind younger rows until the next read sorts them.
  rows.last = slot.n > rows.last ? slot.n : Infinity
  rows.slots.set(slot.key, slot)
  rows.list = undefined
}

function drop(rows: SlotList, slot: Slot): void {
  rows.slots.delete(slot.key)
  rows.list = undefined
}

function slotsInOrder(rows: SlotList): Iterable<Slot> {
  if (rows.last === Infinity) {
    const sorted = [...rows.slots.values()].sort((a, b) => a.n - b.n)
    rows.slots.clear()
    rows.last = -1
    for (const slot of sorted) put(rows, slot)
  }
  return rows.slots.values()
}

/** Rows are frozen when they are read, not when they are made: most are never read. */
function listSlots(rows: SlotList): readonly any[] {
  rows.list ??= Object.freeze(Array.from(slotsInOrder(rows), ({ row }) => deepFreeze(row)))
  return rows.list
}

/** Each fold gets its own copy, so that two logs of one page share no state. `structuredClone` may be missing in a test's environment. */
function copyInitial(initial: unknown): unknown {
  if (typeof initial !== 'object' || !initial) return initial
  try {
    return structuredClone(initial)
  } catch {
    return initial
  }
}

export function createFold(name: string, definition: ProjectionDefinition, types: EventTypesAtRuntime): Fold {
  const { by, evolve } = definition
  // A value is a table of one row, which always exists and has no key of its own.
  const { key: property, initial } = definition.into
  const isTable = property !== undefined
  const indexes = new Map<string, Index>()
  let table: SlotList
  let view: Fold['view'] | undefined

  const addToIndex = (index: Index, value: unknown, slot: Slot) => {
    let bucket = index.get(value)
    if (!bucket) {
      bucket = emptyRows()
      index.set(value, bucket)
    }
    put(bucket, slot)
  }
  const live: ReadTable<any> & ReadValue<any> = {
    get: (key) => deepFreeze(table.slots.get(key)?.row),
    has: (key) => table.slots.has(key),
    all: () => listSlots(table),
    by(property: any, value: unknown) {
      let index = indexes.get(property)
      if (!index) {
        index = new Map()
        indexes.set(property, index)
        for (const slot of slotsInOrder(table)) addToIndex(index, slot.row[property], slot)
      }
      const bucket = index.get(value)
      return bucket ? listSlots(bucket) : noRows
    },
    get size() {
      return table.slots.size
    },
    get value() {
      return live.get(0)
    },
  }

  /** Makes every change, also if it takes one back. In a table, undefined means that the row is absent. */
  const write = (slot: Slot, after: any) => {
    const before = slot.row
    slot.row = after
    view = table.list = undefined
    if (before === undefined) put(table, slot)
    else if (after === undefined && isTable) drop(table, slot)
    for (const [property, index] of indexes) {
      const from = before?.[property]
      const bucket = before && index.get(from)
      if (bucket && after && Object.is(from, after[property])) bucket.list = undefined
      else {
        if (bucket) {
          drop(bucket, slot)
          if (!bucket.slots.size) index.delete(from)
        }
        if (after) addToIndex(index, after[property], slot)
      }
    }
  }

  const check = (key: unknown, type: string) => (isKey(key) ? key : checkKey(key, `${name}: event "${type}"`))

  const touchedKeys = (event: AnyRecordedEvent): Key | readonly Key[] => {
    if (!isTable) return 0
    const { type, data } = event
    const find = by[type]
    const named: any = find ? find(event, live) : data?.[property]
    if (__DEV__) explainKey(name, type, named, property, !!find)
    // Only `by` may name several rows: the key in a payload is always one key.
    if (!find || !named || typeof named !== 'object') return check(named, type)
    if (Array.isArray(named)) return [...new Set(named.map((key) => check(key, type)))]
    const [first, ...rest] = Object.entries(named)
    // A property and a value of some row type.
    return (first ? live.by(...(first as [never, never])) : live.all())
      .filter((row) => rest.every(([property, value]) => row[property] === value))
      .map((row) => row[property])
  }

  const evolveRow = (event: AnyRecordedEvent, key: Key, slot: Slot | undefined): any => {
    const before = slot?.row
    if (__DEV__) {
      deepFreeze(before)
      checkBytes(before, `${name}: something outside evolve`)
    }
    const after = evolve[event.type]!(before, event, key)
    if (__DEV__) {
      explainRow(name, event.type, key, property, before, after)
      checkBytes(before, `${name}: evolve.${event.type}`)
      checkRow(
        `${name}: what evolve.${event.type} returned${isTable ? ` as row ${JSON.stringify(key)}` : ''}`,
        after,
        evolve[event.type]!,
      )
    }
    if (isTable && after != null && after[property] !== key) {
      throw new ModelError(`${name}: evolve.${event.type} returned another "${property}" than ${JSON.stringify(key)}`)
    }
    return after
  }

  const change = (key: Key, known: Slot | undefined, result: any, journal: Journal | undefined) => {
    if (isTable && result === undefined) return
    const after = isTable ? (result ?? undefined) : result
    const before = known?.row
    if (Object.is(after, before)) return
    const { next } = fold
    const slot = known ?? { key, n: fold.next++, row: undefined }
    journal?.push({ fold, slot, before, next })
    write(slot, after)
  }

  const fold: Fold = {
    name,
    identity: identity(name, definition, types),
    definition,
    sequence: 0,
    next: 0,
    failed: undefined,
    shown: Object.create(live),
    get view() {
      // It has what `live` has.
      view ??= Object.create(fold.shown) as typeof live
      return view
    },
    get slots() {
      return slotsInOrder(table)
    },
    handles: (type) => !!evolve[type],
    apply(event, journal) {
      if (!evolve[event.type]) return
      const keys = touchedKeys(event)
      if (typeof keys !== 'object') {
        const slot = table.slots.get(keys)
        change(keys, slot, evolveRow(event, keys, slot), journal)
        return
      }
      // Computes all rows before it writes the first, so a throw leaves nothing behind.
      const results = keys.map((key) => {
        const slot = table.slots.get(key)
        return [key, slot, evolveRow(event, key, slot)] as const
      })
      for (const result of results) change(...result, journal)
    },
    load(rows, n) {
      for (let i = 0; i < rows.length; i++) {
        const row: any = rows[i]
        put(table, { key: isTable ? row[property] : 0, n: n(i), row })
      }
      indexes.clear()
      view = undefined
    },
    clear() {
      table = emptyRows()
      indexes.clear()
      view = fold.failed = undefined
      fold.sequence = fold.next = 0
      if (!isTable) put(table, { key: 0, n: 0, row: copyInitial(initial) })
    },
    revert({ slot, before, next }) {
      write(slot, before)
      fold.next = next
    },
  }
  fold.clear()
  return fold
}
