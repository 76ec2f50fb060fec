import { defineEvents, defineModel, event, projection, reject, table, value } from 'tidemark'

export interface Note {
  readonly id: string
  readonly text: string
  readonly by: string
  readonly edits: number
}
export interface Writer {
  readonly by: string
  readonly notes: number
  readonly last: string
}

export const events = defineEvents({
  /** `of` is how many its command added: all of them or none are in the log. */
  noteAdded: event<{ id: string; text: string; by: string; of: number }>(),
  noteEdited: event<{ id: string; text: string }>(),
  noteRemoved: event<{ id: string }>(),
  cleared: event<{ by: string }>(),
})

const notes = projection(events, {
  into: table<Note>('id'),
  by: { cleared: ({ data }) => ({ by: data.by }) },
  evolve: {
    noteAdded: (_, { data: { id, text, by } }) => ({ id, text, by, edits: 0 }),
    noteEdited: (note, { data }) => note && { ...note, text: data.text, edits: note.edits + 1 },
    noteRemoved: () => null,
    cleared: () => null,
  },
})
const writers = projection(events, {
  into: table<Writer>('by'),
  evolve: {
    noteAdded: (writer, { data: { id, by } }) => ({ by, notes: (writer?.notes ?? 0) + 1, last: id }),
  },
})
const total = projection(events, { into: value(0), evolve: { noteAdded: (sum) => sum + 1 } })

export const app = defineModel({
  name: 'notes',
  events,
  projections: { notes, writers, total },
  commands: {
    add: (_, { text, by = 'me', id }: { text: string; by?: string; id?: string }, context) =>
      events.noteAdded({ id: id ?? context.id(), text, by, of: 1 }),
    addMany: (_, { n, by = 'me' }: { n: number; by?: string }, { id }) =>
      Array.from({ length: n }, (_, i) => events.noteAdded({ id: id(), text: `${i}`, by, of: n })),
    /** Its event says on which state it was decided. */
    addNumbered: ({ total }, { by }: { by: string }, { id }) =>
      events.noteAdded({ id: id(), text: `${total.value}`, by, of: 1 }),
    addOnce: ({ notes }, { id, text, by = 'me' }: { id: string; text: string; by?: string }) =>
      notes.has(id) ? reject('taken', { id }) : events.noteAdded({ id, text, by, of: 1 }),
    /** Takes its time to decide, as no command should. */
    addSlowly: ({ total }, { ms, by = 'me' }: { ms: number; by?: string }, { id }) => {
      const end = performance.now() + ms
      while (performance.now() < end);
      return events.noteAdded({ id: id(), text: `${total.value}`, by, of: 1 })
    },
    edit: ({ notes }, { id, text }: { id: string; text: string }) =>
      notes.has(id) ? events.noteEdited({ id, text }) : reject('note-not-found', { id }),
    editMany: (_, { id, n }: { id: string; n: number }) =>
      Array.from({ length: n }, (_, i) => events.noteEdited({ id, text: `${i}` })),
    remove: ({ notes }, { id }: { id: string }) =>
      notes.has(id) ? events.noteRemoved({ id }) : reject('note-not-found', { id }),
    clear: (_, { by }: { by: string }) => events.cleared({ by }),
  },
})
