import { defineEvents, defineModel, event, projection, table } from 'tidemark'

const events = defineEvents({ added: event<{ id: string }>() })

export const older = defineModel({
  name: 'deploys',
  events,
  projections: {
    things: projection(events, {
      into: table<{ id: string }>('id'),
      evolve: { added: (_, { data: { id } }) => ({ id }) },
    }),
  },
  commands: { add: (_, { id }: { id: string }) => events.added({ id }) },
})
