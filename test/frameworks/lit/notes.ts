import { defineEvents, defineModel, event, projection, reject, table } from 'tidemark'

export interface Note {
  id: string
  text: string
}

const events = defineEvents({
  noteWritten: event<Note>(),
  noteChanged: event<Note>(),
})

const notes = projection(events, {
  into: table<Note>('id'),
  evolve: {
    noteWritten: (_, { data }) => data,
    noteChanged: (note, { data }) => note && data,
  },
})

export const notesApp = defineModel({
  name: 'notes',
  events,
  projections: { notes },
  commands: {
    write: (_, { text }: { text: string }, { id }) => events.noteWritten({ id: id(), text }),
    change: ({ notes }, { id, text }: Note) => {
      const note = notes.get(id) ?? reject('note-not-found', { id })
      return note.text === text ? [] : events.noteChanged({ id, text })
    },
  },
})
