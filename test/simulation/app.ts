import { defineEvents, defineModel, event, projection, reject, table, value } from 'tidemark'
import { draft } from 'tidemark/drafts'

/**
 * The app that the simulation runs, in three builds: build 2 knows one event more than build 1; build 3 has another version of a
 * projection and appends an event that a projection of build 1 can't fold.
 */
export type Build = 1 | 2 | 3

interface Item {
  k: string
  n: number
}

/** The model of a build. `older`: of an earlier deploy, without the command `big`. */
export const createModel = (build: Build, older = false) => {
  const step = build === 3 ? 2 : 1
  const known = {
    added: event<{ k: string; pad?: string }>(),
    removed: event<{ k: string }>(),
    bumped: event<{ n: number }>(),
  }
  const newer = { noted: event<{ k: string }>() }
  const events = defineEvents({ ...known, ...(build === 2 ? newer : ({} as typeof newer)) })
  const items = projection(events, {
    into: table<Item>('k'),
    version: build === 3 ? 2 : 1,
    by: { bumped: ({ data }) => ({ n: data.n }) },
    evolve: {
      added: (row, { data }) => ({ k: data.k, n: (row?.n ?? 0) + step }),
      removed: () => null,
      bumped: (row) => row && { ...row, n: row.n + 1 },
    },
  })
  const count = projection(events, { into: value(0), evolve: { added: (n) => n + 1 } })
  const marks = projection(events, {
    into: table<Item>('k'),
    evolve: {
      added(row, { data }) {
        if (data.k === '!') throw new Error('poison')
        return { k: data.k, n: (row?.n ?? 0) + 1 }
      },
    },
  })
  const notes = projection(events, {
    into: table<Item>('k'),
    evolve: {
      ...(build === 2 && {
        noted: (row: Item | undefined, { data }: { data: { k: string } }) => ({ k: data.k, n: (row?.n ?? 0) + 1 }),
      }),
      added: (row, { data }) => ({ k: data.k, n: (row?.n ?? 0) + 1 }),
    },
  })
  const model = defineModel({
    name: 'sim',
    events,
    projections: { items, count, ...(build === 1 && { marks }), ...(build === 2 && { notes }) } as {
      items: typeof items
      count: typeof count
    },
    commands: {
      take: ({ items }, { k }: { k: string }) => (items.has(k) ? reject('taken', { k }) : events.added({ k })),
      inc: ({ items }, { k }: { k: string }) =>
        (items.get(k)?.n ?? 0) >= 3 * step ? reject('limit') : events.added({ k }),
      two: ({ items }, { k, j }: { k: string; j: string }) =>
        (items.get(k)?.n ?? 0) >= 2 * step ? reject('limit') : [events.added({ k }), events.added({ k: j })],
      move: ({ items }, { k, j }: { k: string; j: string }) =>
        items.has(k) ? [events.removed({ k }), events.added({ k: j }), events.added({ k })] : reject('none'),
      drop: ({ items }, { k }: { k: string }) => (items.has(k) ? events.removed({ k }) : []),
      bump: ({ items }, { n }: { n: number }) => (items.by('n', n).length ? events.bumped({ n }) : reject('none')),
      clear: ({ items }, { n }: { n: number }) => items.by('n', n).map(({ k }) => events.removed({ k })),
      big: (_, { k }: { k: string }) => events.added({ k, pad: 'x'.repeat(400) }),
      note: (_, { k }: { k: string }) => [events.noted({ k }), events.added({ k })],
    },
    drafts: { text: draft() },
  })
  if (!older) return model
  const { big: _, ...commands } = model.commands
  return { ...model, commands } as typeof model
}

// ---- the same app, written a second time over plain arrays

export interface PlainEvent {
  readonly type: string
  readonly data?: any
}
export type Rows = readonly (readonly [key: string, n: number, at: number])[]
/** A table in the order of insertion, or a value as its only row. */
export interface Plain {
  readonly rows: Rows
  /** The number of insertions so far. */
  readonly next: number
  /** The event that it could not fold. */
  readonly failed?: number
}
const put = ({ rows, next }: Plain, k: string, change: (n: number) => number): Plain =>
  rows.some(([key]) => key === k)
    ? { next, rows: rows.map((row) => (row[0] === k ? [k, change(row[1]), row[2]] : row)) }
    : { next: next + 1, rows: [...rows, [k, change(0), next]] }
const plus =
  (step: number) =>
  (n: number): number =>
    n + step

type Fold = (state: Plain, event: PlainEvent) => Plain | 'throws'
const items =
  (step: number): Fold =>
  (state, { type, data }) => {
    if (type === 'added') return put(state, data.k, plus(step))
    if (type === 'removed') return { ...state, rows: state.rows.filter(([k]) => k !== data.k) }
    if (type === 'bumped')
      return { ...state, rows: state.rows.map((row) => (row[1] === data.n ? [row[0], row[1] + 1, row[2]] : row)) }
    return state
  }
const counted =
  (types: readonly string[], poison = false): Fold =>
  (state, { type, data }) => {
    if (!types.includes(type)) return state
    return poison && data.k === '!' ? 'throws' : put(state, data.k, plus(1))
  }

/** The folds, by the beginning of the identity of stored pages. */
export const folds: Readonly<Record<string, Fold>> = {
  'items@1': items(1),
  'items@2': items(2),
  'count@1': (state, { type }) => (type === 'added' ? put(state, 'value', plus(1)) : state),
  'marks@1': counted(['added'], true),
  'notes@1': counted(['added', 'noted']),
}
export const projectionsOf: Record<Build, readonly string[]> = {
  1: ['items@1', 'count@1', 'marks@1'],
  2: ['items@1', 'count@1', 'notes@1'],
  3: ['items@2', 'count@1'],
}
export type State = Readonly<Record<string, Plain>>
export const emptyState: State = Object.fromEntries(Object.keys(folds).map((name) => [name, { rows: [], next: 0 }]))

/** Folds one whole commit. If it can't be folded, neither it nor any later commit is. */
export function foldPlain(
  state: State,
  events: readonly PlainEvent[],
  first: number,
  names = Object.keys(folds),
): State {
  const after: Record<string, Plain> = { ...state }
  for (const name of names) {
    const before = state[name]!
    if (before.failed !== undefined) continue
    let now: Plain = before
    for (const [i, event] of events.entries()) {
      const next = folds[name]!(now, event)
      if (next === 'throws') {
        now = { ...before, failed: first + i }
        break
      }
      now = next
    }
    after[name] = now
  }
  return after
}

export const knows = (build: Build, type: string): boolean => type !== 'noted' || build === 2

export interface Command {
  readonly name: 'take' | 'inc' | 'two' | 'move' | 'drop' | 'bump' | 'clear' | 'big' | 'note'
  readonly input: { readonly k?: string; readonly j?: string; readonly n?: number }
}
export type Decided = { readonly events: readonly PlainEvent[] } | { readonly rejected: string }

export function decidePlain(build: Build, { name, input }: Command, state: State): Decided {
  const step = build === 3 ? 2 : 1
  const { rows } = state[`items@${step}`]!
  const { k = '', j = '', n = 0 } = input
  const of = (key: string): number => rows.find(([other]) => other === key)?.[1] ?? 0
  const has = (key: string): boolean => rows.some(([other]) => other === key)
  const added = (key: string): PlainEvent => ({ type: 'added', data: { k: key } })
  const removed = (key: string): PlainEvent => ({ type: 'removed', data: { k: key } })
  const matching = rows.filter((row) => row[1] === n).map(([key]) => key)
  switch (name) {
    case 'take':
      return has(k) ? { rejected: 'taken' } : { events: [added(k)] }
    case 'inc':
      return of(k) >= 3 * step ? { rejected: 'limit' } : { events: [added(k)] }
    case 'two':
      return of(k) >= 2 * step ? { rejected: 'limit' } : { events: [added(k), added(j)] }
    case 'move':
      return has(k) ? { events: [removed(k), added(j), added(k)] } : { rejected: 'none' }
    case 'drop':
      return { events: has(k) ? [removed(k)] : [] }
    case 'bump':
      return matching.length ? { events: [{ type: 'bumped', data: { n } }] } : { rejected: 'none' }
    case 'clear':
      return { events: matching.map(removed) }
    case 'big':
      return { events: [{ type: 'added', data: { k, pad: 'x'.repeat(400) } }] }
    case 'note':
      return { events: [{ type: 'noted', data: { k } }, added(k)] }
  }
}
/** Whether the folds of this build throw on these events. If so, the dispatch rejects with that error. */
export const throwsOn = (build: Build, state: State, events: readonly PlainEvent[]): boolean => {
  const names = projectionsOf[build]
  const after = foldPlain(state, events, 1, [...names])
  return names.some((name) => after[name]!.failed !== state[name]!.failed)
}
