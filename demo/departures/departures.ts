import { defineEvents, defineModel, event, projection, reject, table, value } from 'tidemark'

export interface PlacedAirport {
  code: string
  name: string
  city: string
  state: string
  lat: number
  lon: number
}
export interface Flight {
  from: string
  to: string
  /** Local time of departure, `2001-01-31T23:59`. */
  time: string
  /** In minutes. Below 0: early. */
  delay: number
  /** In miles. */
  distance: number
}

export interface Airport extends PlacedAirport {
  departures: number
  delay: number
}
export interface Route {
  route: string
  from: string
  to: string
  flights: number
  delay: number
}
export interface Hour {
  hour: number
  flights: number
  delay: number
}

const events = defineEvents({
  networkListed: event<{ airports: PlacedAirport[]; routes: string[] }>(),
  flightDeparted: event<Flight>(),
})

/** Every airport is a row from the first event on, so a boot reads the same number of rows however many flights are recorded. */
const airports = projection(events, {
  into: table<Airport>('code'),
  by: {
    networkListed: ({ data }) => data.airports.map(({ code }) => code),
    flightDeparted: ({ data }) => data.from,
  },
  evolve: {
    networkListed: (_, { data }, key) => {
      const placed = data.airports.find(({ code }) => code === key)
      return placed && { ...placed, departures: 0, delay: 0 }
    },
    flightDeparted: (airport, { data }) =>
      airport && { ...airport, departures: airport.departures + 1, delay: airport.delay + data.delay },
  },
})

const routes = projection(events, {
  into: table<Route>('route'),
  by: {
    networkListed: ({ data }) => data.routes,
    flightDeparted: ({ data }) => `${data.from}-${data.to}`,
  },
  evolve: {
    networkListed: (_, __, key) => {
      const [from = '', to = ''] = String(key).split('-')
      return { route: String(key), from, to, flights: 0, delay: 0 }
    },
    flightDeparted: (route, { data }) =>
      route && { ...route, flights: route.flights + 1, delay: route.delay + data.delay },
  },
})

const hours = Array.from({ length: 24 }, (_, hour) => hour)

const delayByHour = projection(events, {
  into: table<Hour>('hour'),
  by: {
    networkListed: () => hours,
    flightDeparted: ({ data }) => Number(data.time.slice(11, 13)),
  },
  evolve: {
    networkListed: (_, __, key) => ({ hour: Number(key), flights: 0, delay: 0 }),
    flightDeparted: (hour, { data }) => hour && { ...hour, flights: hour.flights + 1, delay: hour.delay + data.delay },
  },
})

/** The number of recorded flights, and the time of the last one. Recording resumes here. */
const recorded = projection(events, {
  into: value({ flights: 0, until: '' }),
  evolve: { flightDeparted: ({ flights }, { data }) => ({ flights: flights + 1, until: data.time }) },
})

export const departures = defineModel({
  name: 'departures',
  events,
  projections: { airports, routes, delayByHour, recorded },
  commands: {
    listNetwork: ({ airports }, network: { airports: PlacedAirport[]; routes: string[] }) =>
      airports.size === 0 ? events.networkListed(network) : [],
    /** `first`: the number of flights before `flights`. Two tabs that record at once can't record a flight twice, because one is rejected. */
    recordFlights: ({ recorded }, { first, flights }: { first: number; flights: Flight[] }) =>
      first === recorded.value.flights
        ? flights.map((flight) => events.flightDeparted(flight))
        : reject('not-next', { next: recorded.value.flights }),
  },
})
