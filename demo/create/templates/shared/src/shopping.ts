// The model: what can happen, what the page shows, and what a user may do. Page, worker and tests import it.
import { CommandRejected, defineEvents, defineModel, event, projection, reject, table } from 'tidemark'
import type { InversesOf } from 'tidemark/tools'

/** What happened. The payload of an event is JSON. */
export const events = defineEvents({
  itemAdded: event<{ id: string; name: string }>(),
  itemBought: event<{ id: string }>(),
  itemPutBack: event<{ id: string }>(),
  itemRemoved: event<{ id: string }>(),
})

/** A row. The page shows one line for each. */
export interface Item {
  id: string
  name: string
  bought: boolean
}

/** How each event changes the rows. A row is found by the `id` in the event. */
const items = projection(events, {
  into: table<Item>('id'),
  evolve: {
    itemAdded: (_, { data }) => ({ ...data, bought: false }),
    itemBought: (item) => item && { ...item, bought: true },
    itemPutBack: (item) => item && { ...item, bought: false },
    itemRemoved: () => null, // null deletes the row
  },
})

/** What a user may do, and when the answer is no. */
export const shopping = defineModel({
  name: 'shopping',
  events,
  projections: { items },
  commands: {
    add: ({ items }, { name }: { name: string }, { id }) => {
      const trimmed = name.trim()
      if (!trimmed) return reject('no-name')
      if (items.by('name', trimmed).some((item) => !item.bought)) return reject('already-listed', { name: trimmed })
      return events.itemAdded({ id: id(), name: trimmed })
    },
    setBought: ({ items }, { id, bought }: { id: string; bought: boolean }) => {
      if (items.get(id)?.bought !== !bought) return []
      return bought ? events.itemBought({ id }) : events.itemPutBack({ id })
    },
    remove: ({ items }, { id }: { id: string }) => (items.has(id) ? events.itemRemoved({ id }) : []),
  },
})

/** For each command, the events that take it back. */
export const inverses: InversesOf<typeof shopping> = {
  add: ({ events: [added] }) => (added?.type === 'itemAdded' ? events.itemRemoved({ id: added.data.id }) : undefined),
  setBought: ({ input: { id, bought } }) => (bought ? events.itemPutBack({ id }) : events.itemBought({ id })),
  remove: ({ input: { id }, before }) => {
    const item = before.items.get(id)
    if (!item) return
    const added = events.itemAdded({ id, name: item.name })
    return item.bought ? [added, events.itemBought({ id })] : added
  },
}

const messages: Record<string, string> = {
  'no-name': 'Write a name first.',
  'already-listed': 'This is on the list already.',
}

/** The text for the user if a command was rejected. Any other error is thrown on. */
export function messageOf(error: unknown): string {
  if (!(error instanceof CommandRejected)) throw error
  return messages[error.code] ?? error.code
}
