/** The workload of every subject: its events, and the rows that result. It is deterministic, so all runs and subjects do the same work. */

export interface Item {
  readonly id: string
  readonly list: string
  readonly title: string
  readonly done: boolean
  readonly changes: number
}
export interface List {
  readonly id: string
  readonly items: number
  readonly changes: number
}
export interface ItemAdded {
  readonly type: 'itemAdded'
  readonly data: { readonly id: string; readonly list: string; readonly title: string }
}
export interface ItemChanged {
  readonly type: 'itemChanged'
  readonly data: { readonly id: string; readonly list: string; readonly title: string; readonly done: boolean }
}
export type WorkEvent = ItemAdded | ItemChanged

const words =
  `call mail ask write read plan draft review sign send fix paint clean wash mend order book cancel renew return pay
  print scan sort pack move lift water plant prune harvest cook bake taste pour slice freeze thaw serve invite thank greet visit meet
  teach learn practise record edit publish archive measure test deploy restore compare garden kitchen office bicycle window roof cellar
  harbour boat lighthouse letter invoice contract passport ticket luggage train flight hotel museum concert theatre library school doctor
  dentist vet bakery market orchard river bridge island mountain valley forest meadow storm tide anchor compass lantern ladder hammer
  needle thread blanket pillow mirror candle kettle teapot saucer spoon pepper lemon ginger honey butter bread cheese apple walnut`.split(
    /\s+/,
  )

/** Maps neighbouring numbers to distant ones: ids and titles of real apps do not count up, so they compress less. */
function mix(n: number): number {
  const once = Math.imul(n ^ (n >>> 16), 0x45d9f3b)
  const twice = Math.imul(once ^ (once >>> 16), 0x45d9f3b)
  return (twice ^ (twice >>> 16)) >>> 0
}

export const idOf = (row: number): string =>
  `${mix(row).toString(36).padStart(7, '0')}${mix(row + 7e8)
    .toString(36)
    .padStart(7, '0')}`
export const listOf = (row: number): string => `list-${mix(row) % 100}`
export function titleOf(n: number): string {
  let title = words[mix(n) % words.length] as string
  for (let i = 1; i < 4 + (mix(n + 1) % 4); i++) title += ` ${words[mix(n * 7 + i) % words.length]}`
  return title
}

/** Event number `n` (from 0) of a log with this many rows. The first events add the rows; all later events change rows in random order. */
export function eventAt(n: number, rows: number): WorkEvent {
  if (n < rows) return { type: 'itemAdded', data: { id: idOf(n), list: listOf(n), title: titleOf(n) } }
  const row = mix(n) % rows
  return { type: 'itemChanged', data: { id: idOf(row), list: listOf(row), title: titleOf(n), done: n % 2 === 0 } }
}
export function eventsBetween(from: number, to: number, rows: number): WorkEvent[] {
  const events: WorkEvent[] = []
  for (let n = from; n < to; n++) events.push(eventAt(n, rows))
  return events
}
export const change = (id: string, list: string, title: string): ItemChanged => ({
  type: 'itemChanged',
  data: { id, list, title, done: true },
})

export const evolveItem = (item: Item | undefined, { type, data }: WorkEvent): Item =>
  type === 'itemAdded'
    ? { ...data, done: false, changes: 0 }
    : { ...(item as Item), title: data.title, done: data.done, changes: (item as Item).changes + 1 }
export const evolveList = (list: List | undefined, { type, data }: WorkEvent): List => ({
  id: data.list,
  items: (list?.items ?? 0) + (type === 'itemAdded' ? 1 : 0),
  changes: (list?.changes ?? 0) + (type === 'itemAdded' ? 0 : 1),
})
export const evolveTotal = (total: number, { data }: WorkEvent): number => total + data.title.length

/** Folds the three projections directly, without a library. */
export function createBareFold(): {
  readonly items: Map<string, Item>
  readonly lists: Map<string, List>
  total: number
  apply(event: WorkEvent): void
} {
  const items = new Map<string, Item>()
  const lists = new Map<string, List>()
  const fold = {
    items,
    lists,
    total: 0,
    apply(event: WorkEvent) {
      items.set(event.data.id, evolveItem(items.get(event.data.id), event))
      lists.set(event.data.list, evolveList(lists.get(event.data.list), event))
      fold.total = evolveTotal(fold.total, event)
    },
  }
  return fold
}

/** A size to measure: the events of the log, and the rows that result. */
export interface Cell {
  readonly events: number
  readonly rows: number
}
const short = (n: number): string => (n % 1e6 === 0 ? `${n / 1e6}M` : n % 1e3 === 0 ? `${n / 1e3}k` : String(n))
export const nameOf = ({ events, rows }: Cell): string => `${short(events)}×${short(rows)}`
export function parseCell(text: string): Cell {
  const match = /^(\d+(?:\.\d+)?)([kM]?)[x×](\d+(?:\.\d+)?)([kM]?)$/.exec(text)
  if (!match) throw new Error(`Not a cell: ${text}. Write events × rows, such as 100kx5k`)
  const number = (digits = '', unit = '') => Number(digits) * (unit === 'M' ? 1e6 : unit === 'k' ? 1e3 : 1)
  return { events: number(match[1], match[2]), rows: number(match[3], match[4]) }
}
