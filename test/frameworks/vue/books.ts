import { defineEvents, defineModel, event, projection, reject, table } from 'tidemark'

export const shelves = ['to read', 'reading', 'read'] as const
export type Shelf = (typeof shelves)[number]
export interface Book {
  id: string
  title: string
  shelf: Shelf
}

const events = defineEvents({
  bookAdded: event<{ id: string; title: string }>(),
  bookMoved: event<{ id: string; shelf: Shelf }>(),
})

const books = projection(events, {
  into: table<Book>('id'),
  evolve: {
    bookAdded: (_, { data }) => ({ ...data, shelf: 'to read' }),
    bookMoved: (book, { data }) => book && { ...book, shelf: data.shelf },
  },
})

export const readingList = defineModel({
  name: 'reading-list',
  events,
  projections: { books },
  commands: {
    add: (_, { title }: { title: string }, { id }) => events.bookAdded({ id: id(), title }),
    move: ({ books }, { id, shelf }: { id: string; shelf: Shelf }) => {
      const book = books.get(id) ?? reject('book-not-found', { id })
      return book.shelf === shelf ? [] : events.bookMoved({ id, shelf })
    },
  },
})
