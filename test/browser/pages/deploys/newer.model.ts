import { defineEvents, defineModel, event, projection, table } from 'tidemark'

const events = defineEvents({ added: event<{ id: string }>(), starred: event<{ id: string }>() })

/** Knows one more event; the same projection has other rows under a new version. */
export const newer = defineModel({
  name: 'deploys',
  events,
  projections: {
    things: projection(events, {
      into: table<{ id: string; stars: number }>('id'),
      version: 2,
      evolve: {
        added: (_, { data: { id } }) => ({ id, stars: 0 }),
        starred: (thing) => thing && { ...thing, stars: thing.stars + 1 },
      },
    }),
  },
  commands: {
    add: (_, { id }: { id: string }) => events.added({ id }),
    star: (_, { id }: { id: string }) => events.starred({ id }),
  },
})
