import { defineEvents, defineModel, event, projection, table, value } from 'tidemark'

export type Variant = 'plain' | 'indexed' | 'disk'

export interface Item {
  readonly id: string
  readonly group: number
  readonly touched: number
}

export const events = defineEvents({ touched: event<{ id: string; group: number }>() })

export interface Document {
  readonly id: number
  readonly folder: number
  readonly title: string
}
const filed = defineEvents({
  filed: event<{ id: number; folder: number; title: string }>(),
  moved: event<{ id: number; folder: number }>(),
})

/** More rows than belong into memory. */
export const archive = defineModel({
  name: 'tables-disk',
  events: filed,
  projections: {
    documents: projection(filed, {
      into: table<Document>('id', { resident: false, indexes: ['folder'] }),
      evolve: {
        filed: (_, { data }) => data,
        moved: (document, { data }) => document && { ...document, folder: data.folder },
      },
    }),
    count: projection(filed, { into: value(0), evolve: { filed: (n) => n + 1 } }),
  },
  commands: {
    file: ({ count }, { n, folders }: { n: number; folders: number }) =>
      Array.from({ length: n }, (_, i) => {
        const id = count.value + i
        return filed.filed({ id, folder: id % folders, title: `Document ${id}` })
      }),
    move: (_, { id, folder }: { id: number; folder: number }) => filed.moved({ id, folder }),
  },
})

/** The same tables with and without what is measured. */
export const app = (variant: Exclude<Variant, 'disk'>) => {
  const items = projection(events, {
    into: table<Item>('id', { history: variant === 'indexed' }),
    evolve: { touched: (item, { data }) => ({ ...data, touched: (item?.touched ?? 0) + 1 }) },
  })
  const groups = projection(events, {
    into: table<{ group: number; touched: number }>('group'),
    evolve: { touched: (row, { data: { group } }) => ({ group, touched: (row?.touched ?? 0) + 1 }) },
    by: { touched: ({ data }) => data.group },
  })
  const count = projection(events, { into: value(0), evolve: { touched: (n) => n + 1 } })
  return defineModel({
    name: `tables-${variant}`,
    events,
    projections: { items, groups, count },
    commands: {
      /** Every `nth` event touches the needle, the others one of `rows` rows. */
      touch: ({ count }, { n, rows, nth }: { n: number; rows: number; nth: number }) =>
        Array.from({ length: n }, (_, i) => {
          const at = count.value + i + 1
          const row = (at * 7919) % rows
          return events.touched(at % nth ? { id: `item-${row}`, group: row % 100 } : { id: 'needle', group: -1 })
        }),
    },
  })
}
