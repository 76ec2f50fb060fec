import { defineEvents, defineModel, event, projection, reject, table } from 'tidemark'

export interface Seat {
  readonly seat: string
  readonly by: string
}

const events = defineEvents({ seatBooked: event<Seat>() })

/** One rule, which spans all devices. */
export const seatApp = defineModel({
  name: 'seats',
  events,
  projections: {
    seats: projection(events, { into: table<Seat>('seat'), evolve: { seatBooked: (_, { data }) => data } }),
  },
  commands: {
    book: ({ seats }, seat: Seat) => (seats.has(seat.seat) ? reject('taken') : events.seatBooked(seat)),
  },
})
