import { Events, makeSchema, Schema, State } from '@livestore/livestore'

const items = State.SQLite.table({
  name: 'items',
  columns: {
    id: State.SQLite.text({ primaryKey: true }),
    list: State.SQLite.text(),
    title: State.SQLite.text(),
    done: State.SQLite.boolean({ default: false }),
    changes: State.SQLite.integer({ default: 0 }),
  },
})
const fields = { id: Schema.String, list: Schema.String, title: Schema.String }

export const tables = { items }
export const events = {
  itemAdded: Events.synced({ name: 'v1.itemAdded', schema: Schema.Struct(fields) }),
  itemChanged: Events.synced({ name: 'v1.itemChanged', schema: Schema.Struct({ ...fields, done: Schema.Boolean }) }),
}
const materializers = State.SQLite.materializers(events, {
  'v1.itemAdded': (data) => items.insert({ ...data, done: false, changes: 0 }),
  'v1.itemChanged': ({ id, title, done }) => ({
    sql: 'UPDATE items SET title = ?, done = ?, changes = changes + 1 WHERE id = ?',
    bindValues: [title, done ? 1 : 0, id] as unknown as Record<string, never>,
    writeTables: new Set(['items']),
  }),
})

export const schema = makeSchema({ events, state: State.SQLite.makeState({ tables, materializers }) })
