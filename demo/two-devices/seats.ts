import { defineEvents, defineModel, event, projection, reject, table } from 'tidemark'

export interface Seat {
  readonly seat: string
  readonly by: string
}

const events = defineEvents({
  seatBooked: event<Seat>(),
  seatLeft: event<{ seat: string }>(),
})

const seats = projection(events, {
  into: table<Seat>('seat'),
  evolve: {
    seatBooked: (_, { data }) => data,
    seatLeft: () => null,
  },
})

export const seatApp = defineModel({
  name: 'seats',
  events,
  projections: { seats },
  commands: {
    book({ seats }, { seat, by }: Seat) {
      const owner = seats.get(seat)?.by
      if (owner === by) return
      return owner ? reject('taken', { by: owner }) : events.seatBooked({ seat, by })
    },
    leave({ seats }, { seat, by }: Seat) {
      return seats.get(seat)?.by === by ? events.seatLeft({ seat }) : reject('not yours')
    },
  },
})

export const SEATS = ['1A', '1B', '1C', '2A', '2B', '2C'] as const
export const LOG = 'seats'
