import { defineEvents, defineModel, event, projection, table } from 'tidemark'

interface Row {
  readonly id: string
  readonly n: number
}
const events = defineEvents({ put: event<Row>() })

export const model = defineModel({
  name: 'sync',
  events,
  projections: {
    rows: projection(events, { into: table<Row>('id'), evolve: { put: (_, { data }) => data } }),
  },
  commands: {
    put: (_, row: Row) => events.put(row),
    /** Many events in one command. */
    fill: (_, { from, count }: { from: number; count: number }) =>
      Array.from({ length: count }, (_, i) => events.put({ id: `row ${(from + i) % 1000}`, n: from + i })),
  },
})
