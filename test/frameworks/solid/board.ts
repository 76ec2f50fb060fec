import { defineEvents, defineModel, event, projection, reject, table } from 'tidemark'

export const columns = ['Next', 'Now', 'Done'] as const
export type Column = (typeof columns)[number]
export interface Card {
  id: string
  title: string
  column: Column
}

const events = defineEvents({
  cardAdded: event<{ id: string; title: string }>(),
  cardMoved: event<{ id: string; column: Column }>(),
})

const cards = projection(events, {
  into: table<Card>('id'),
  evolve: {
    cardAdded: (_, { data }) => ({ ...data, column: 'Next' }),
    cardMoved: (card, { data }) => card && { ...card, column: data.column },
  },
})

/** The limit of cards in progress. It holds across tabs, because each command is decided on the end of the log. */
export const MOST_AT_ONCE = 3

export const boardApp = defineModel({
  name: 'board',
  events,
  projections: { cards },
  commands: {
    add: (_, { title }: { title: string }, { id }) => events.cardAdded({ id: id(), title }),
    move: ({ cards }, { id, column }: { id: string; column: Column }) => {
      if (!cards.has(id)) reject('card-not-found', { id })
      if (column === 'Now' && cards.by('column', 'Now').length >= MOST_AT_ONCE) reject('too-much-at-once')
      return events.cardMoved({ id, column })
    },
  },
})
