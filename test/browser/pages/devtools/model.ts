import { defineEvents, defineModel, event, projection, reject, table, value } from 'tidemark'

export interface Item {
  id: string
  title: string
  done: boolean
  edits: number
}

export const events = defineEvents({
  itemAdded: event<{ id: string; title: string }>(),
  itemRenamed: event<{ id: string; title: string }>(),
  itemDone: event<{ id: string; by?: { name: string; tags: string[] } }>(),
  itemRemoved: event<{ id: string }>(),
})

/** `poison` makes the projection `titles` fail, as a mistake does. */
export const app = (poison?: string) => {
  const items = projection(events, {
    into: table<Item>('id', { history: true }),
    evolve: {
      itemAdded: (_, { data }) => ({ ...data, done: false, edits: 0 }),
      itemRenamed: (item, { data }) => item && { ...item, title: data.title, edits: item.edits + 1 },
      itemDone: (item) => item && { ...item, done: true },
      itemRemoved: () => null,
    },
  })
  const filed = projection(events, {
    into: table<{ id: string; title: string }>('id', { resident: false }),
    evolve: { itemDone: (_, { data }) => ({ id: data.id, title: data.by?.name ?? '' }) },
  })
  const titles = projection(events, {
    into: table<{ title: string; times: number }>('title'),
    by: { itemAdded: ({ data }) => data.title },
    evolve: {
      itemAdded: (row, { data: { title } }) => {
        if (title === poison) throw new RangeError(`no ${title}`)
        return { title, times: (row?.times ?? 0) + 1 }
      },
    },
  })
  const added = projection(events, { into: value(0), evolve: { itemAdded: (n) => n + 1 } })
  return defineModel({
    name: 'devtools',
    events,
    projections: { items, titles, added, filed },
    commands: {
      add: (_, { title }: { title: string }, { id }) => events.itemAdded({ id: id(), title }),
      rename: ({ items }, { id, title }: { id: string; title: string }) =>
        items.has(id) ? events.itemRenamed({ id, title }) : reject('item-not-found', { id }),
      finish: ({ items }, { id }: { id: string }) =>
        items.has(id)
          ? events.itemDone({ id, by: { name: 'Ada', tags: ['now', 'here'] } })
          : reject('item-not-found', { id }),
      /** As many items, or further renames of the first `rows` ones. */
      fill: (_, { from, count, rows }: { from: number; count: number; rows: number }) =>
        Array.from({ length: count }, (_, i) => {
          const n = from + i
          return n < rows
            ? events.itemAdded({ id: `i${n}`, title: `Item number ${n}` })
            : events.itemRenamed({ id: `i${n % rows}`, title: `Item ${n % rows}, edit ${n}` })
        }),
    },
  })
}
