import { given, openTestEngine } from 'tidemark/testing'
import { describe, expect, it } from 'vitest'
import { departures, type Flight } from '../../demo/departures/departures.ts'

const { events } = departures
const place = { name: '', city: '', state: '', lat: 0, lon: 0 }
const network = {
  airports: [
    { ...place, code: 'ATL' },
    { ...place, code: 'SAV' },
  ],
  routes: ['ATL-SAV', 'SAV-ATL'],
}
const late: Flight = { from: 'ATL', to: 'SAV', time: '2001-01-01T00:01', delay: 19, distance: 215 }
const early: Flight = { from: 'ATL', to: 'SAV', time: '2001-01-01T23:50', delay: -4, distance: 215 }

describe('the departures model', () => {
  it('lists the network once', () => {
    given(departures).when('listNetwork', network).then(events.networkListed(network))
    given(departures, events.networkListed(network)).when('listNetwork', network).thenNothing()
  })

  it('resumes the recording at the flight where it stopped, and records no flight twice', () => {
    given(departures)
      .when('recordFlights', { first: 0, flights: [late, early] })
      .then(events.flightDeparted(late), events.flightDeparted(early))
    given(departures, events.flightDeparted(late))
      .when('recordFlights', { first: 0, flights: [late] })
      .thenRejected('not-next', { next: 1 })
  })

  it('sums the flights of each airport, route and hour; each has a row before its first flight', async () => {
    const engine = await openTestEngine(departures, { storage: 'memory' })
    await engine.dispatch.listNetwork(network)
    const { read } = engine
    expect([read.airports.size, read.routes.size, read.delayByHour.size]).toEqual([2, 2, 24])
    await engine.dispatch.recordFlights({ first: 0, flights: [late, early] })
    expect(read.airports.get('ATL')).toMatchObject({ departures: 2, delay: 15 })
    expect(read.airports.get('SAV')).toMatchObject({ departures: 0 })
    expect(read.routes.by('from', 'ATL')).toEqual([{ route: 'ATL-SAV', from: 'ATL', to: 'SAV', flights: 2, delay: 15 }])
    expect(read.delayByHour.get(23)).toEqual({ hour: 23, flights: 1, delay: -4 })
    expect(read.recorded.value).toEqual({ flights: 2, until: '2001-01-01T23:50' })
    await engine.close()
  })
})
