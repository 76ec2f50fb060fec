import { defineEvents, defineModel, type EngineOf, event, projection, table } from 'tidemark'
import { draft } from 'tidemark/drafts'

const events = defineEvents({
  rowAdded: event<{ id: string; title: string }>(),
  rowRenamed: event<{ id: string; title: string }>(),
})

export const rowsModel = defineModel({
  name: 'rows',
  events,
  projections: {
    rows: projection(events, {
      into: table<{ id: string; title: string }>('id'),
      evolve: {
        rowAdded: (_, { data }) => data,
        rowRenamed: (row, { data }) => row && { ...row, ...data },
      },
    }),
  },
  commands: {
    fill: (_, { rows, label }: { rows: number; label: string }) =>
      Array.from({ length: rows }, (_, i) => events.rowAdded({ id: `${i}`, title: `${label} ${i}` })),
    rename: (_, data: { id: string; title: string }) => events.rowRenamed(data),
  },
  drafts: { title: draft() },
})

export type RowsEngine = EngineOf<typeof rowsModel>

/** The line that a component shows for a status. */
export const lineOf = ({ sync, reactions: { index } }: RowsEngine['status']): string =>
  `${sync ? `sync ${sync.state}` : ''} ${index ? `index ${index.state} ${index.open}` : ''}`.trim()
