import { defineEvents, defineModel, event, projection, table } from 'tidemark'

export interface Item {
  id: string
  name: string
  bought: boolean
}

const events = defineEvents({
  itemAdded: event<{ id: string; name: string }>(),
  itemBought: event<{ id: string }>(),
  itemPutBack: event<{ id: string }>(),
})

const items = projection(events, {
  into: table<Item>('id'),
  evolve: {
    itemAdded: (_, { data }) => ({ ...data, bought: false }),
    itemBought: (item) => item && { ...item, bought: true },
    itemPutBack: (item) => item && { ...item, bought: false },
  },
})

export const shopping = defineModel({
  name: 'shopping',
  events,
  projections: { items },
  commands: {
    add: (_, { name }: { name: string }, { id }) => events.itemAdded({ id: id(), name }),
    toggle: ({ items }, { id }: { id: string }) =>
      items.get(id)?.bought ? events.itemPutBack({ id }) : events.itemBought({ id }),
  },
})
