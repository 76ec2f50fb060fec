import { defineEvents, defineModel, event, projection, reject, table, value } from 'tidemark'
import { evolveItem, evolveList, evolveTotal, type Item, type List, type WorkEvent } from '../workload.ts'

const events = defineEvents({
  itemAdded: event<{ id: string; list: string; title: string }>(),
  itemChanged: event<{ id: string; list: string; title: string; done: boolean }>(),
})
const evolve = { itemAdded: evolveItem, itemChanged: evolveItem }
const items = projection(events, { into: table<Item>('id'), evolve })
const indexedItems = projection(events, { into: table<Item>('id', { history: true }), evolve })
const lists = projection(events, {
  into: table<List>('id'),
  by: { itemAdded: ({ data }) => data.list, itemChanged: ({ data }) => data.list },
  evolve: { itemAdded: evolveList, itemChanged: evolveList },
})
const total = projection(events, { into: value(0), evolve: { itemAdded: evolveTotal, itemChanged: evolveTotal } })

const made = (event: WorkEvent) =>
  event.type === 'itemAdded' ? events.itemAdded(event.data) : events.itemChanged(event.data)
const commands = {
  add: (_: unknown, data: { id: string; list: string; title: string }) => events.itemAdded(data),
  change: (
    { items }: { items: { has(id: string): boolean } },
    data: { id: string; list: string; title: string; done: boolean },
  ) => (items.has(data.id) ? events.itemChanged(data) : reject('not-found', { id: data.id })),
  /** An import: its data comes from outside, so it is the command's input. */
  record: (_: unknown, batch: readonly WorkEvent[]) => batch.map(made),
}

/** One projection, like every other subject. */
export const narrow = defineModel({ name: 'narrow', events, projections: { items }, commands })
/** Three projections, for the figures of the log itself. */
export const wide = defineModel({ name: 'wide', events, projections: { items, lists, total }, commands })
/** Three projections, with an index of the events that changed each item. */
export const indexed = defineModel({
  name: 'indexed',
  events,
  projections: { items: indexedItems, lists, total },
  commands,
})

/** The items, and beside them as many further tables of lists as make `count` projections. */
export function many(count: number) {
  const further = Object.fromEntries(Array.from({ length: count - 1 }, (_, n) => [`lists${n + 1}`, lists]))
  return defineModel({ name: `many-${count}`, events, projections: { ...further, items }, commands })
}
