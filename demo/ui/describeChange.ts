import type { RowChange } from 'tidemark/tools'

export interface Described {
  readonly what: 'added' | 'removed' | 'changed'
  /** `todos 4f2a` or, of a value, `recorded`. */
  readonly where: string
  /** `title: “Milk” → “Oats”`, one per property that differs. */
  readonly details: readonly string[]
}

/** One row that an event changed, in words. */
export function describeChange({ projection, key, before, after }: RowChange<Record<string, unknown>>): Described {
  const where = key === undefined ? projection : `${projection} ${short(key)}`
  // `where` names the key already.
  const rest = (row: unknown) => propertiesOf(row, (value) => value !== key)
  if (before === undefined) return { what: 'added', where, details: rest(after) }
  if (after === undefined) return { what: 'removed', where, details: rest(before) }
  if (!isRow(before) || !isRow(after)) return { what: 'changed', where, details: [`${show(before)} → ${show(after)}`] }
  const details = Object.keys({ ...before, ...after })
    .filter((name) => show(before[name]) !== show(after[name]))
    .map((name) => `${name}: ${show(before[name])} → ${show(after[name])}`)
  return { what: 'changed', where, details }
}

/** An event's data on one line. */
export const describeData = (data: unknown): string =>
  isRow(data) ? propertiesOf(data).join(', ') : data === undefined ? '' : show(data)

const isRow = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const propertiesOf = (row: unknown, keep: (value: unknown) => boolean = () => true): string[] =>
  isRow(row)
    ? Object.entries(row).flatMap(([name, value]) => (keep(value) ? `${name}: ${show(value)}` : []))
    : [show(row)]

/** Shortens ids, which are long and without meaning. */
const short = (key: string | number): string => (isId(String(key)) ? `${String(key).slice(0, 6)}…` : String(key))
const isId = (text: string): boolean => /^[0-9A-Za-z_-]{20,}$/.test(text)

function show(value: unknown): string {
  if (typeof value === 'string')
    return isId(value) ? short(value) : `“${value.length > 60 ? `${value.slice(0, 59)}…` : value}”`
  if (Array.isArray(value)) return `${value.length} ${value.length === 1 ? 'entry' : 'entries'}`
  return typeof value === 'object' && value ? '{…}' : String(value)
}
