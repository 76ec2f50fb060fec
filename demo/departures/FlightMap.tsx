import { memo, useEffect, useMemo, useState } from 'react'
import { plural, signed } from '../ui/format.ts'
import { data } from './data.ts'
import type { Airport, Route } from './departures.ts'
import type { DeparturesRead } from './engine.ts'
import { height, projection, width } from './geography.ts'

interface Props {
  readonly read: DeparturesRead
  /** The code of the chosen airport, or an empty text. */
  readonly airport: string
  readonly onAirport: (code: string) => void
}

export const delaySteps = [0, 5, 10, 15, 20]
const arcsShown = 60

export const FlightMap = memo(function FlightMap({ read, airport, onAirport }: Props) {
  const airports = read.airports.all()
  const chosen = read.airports.get(airport)
  const largest = Math.max(1, ...airports.map(({ departures }) => departures))
  const routes = busiest(airport ? read.routes.by('from', airport) : read.routes.all(), arcsShown)
  const byDepartures = [...airports].sort((a, b) => b.departures - a.departures)

  return (
    <section className="card map" aria-labelledby="map-title">
      <div className="card-head">
        <h2 id="map-title">{chosen ? `From ${chosen.city}, ${chosen.state}` : 'Airports and busiest routes'}</h2>
        <AirportChoice airports={airports} airport={airport} onAirport={onAirport} />
      </div>
      <svg viewBox={`0 0 ${width} ${height}`} role="img" aria-label={summary(byDepartures, chosen)}>
        <Outline />
        <Arcs routes={routes} read={read} />
        {byDepartures.map((row) => (
          <Dot key={row.code} airport={row} largest={largest} chosen={row.code === airport} onAirport={onAirport} />
        ))}
      </svg>
      <Legend />
    </section>
  )
})

export const busiest = (routes: readonly Readonly<Route>[], n: number): Readonly<Route>[] =>
  routes
    .filter(({ flights }) => flights > 0)
    .sort((a, b) => b.flights - a.flights)
    .slice(0, n)

function summary(byDepartures: readonly Readonly<Airport>[], chosen: Readonly<Airport> | undefined): string {
  if (chosen) return `Map: ${plural(chosen.departures, 'departure')} from ${chosen.city}`
  const first = byDepartures
    .filter(({ departures }) => departures > 0)
    .slice(0, 3)
    .map(({ city, departures }) => `${city} ${departures}`)
  return first.length ? `Map of departures by airport; most from ${first.join(', ')}` : 'Map of the United States'
}

const Outline = memo(function Outline() {
  const [paths, setPaths] = useState<{ land: string; borders: string }>()
  useEffect(() => {
    void data.outline().then(setPaths)
  }, [])
  return (
    <g className="outline">
      <path className="land" d={paths?.land ?? ''} />
      <path className="borders" d={paths?.borders ?? ''} />
    </g>
  )
})

const Arcs = ({ routes, read }: { readonly routes: readonly Readonly<Route>[]; readonly read: DeparturesRead }) => {
  const most = routes[0]?.flights ?? 1
  return (
    <g className="arcs">
      {routes.map(({ route, from, to, flights }) => {
        const start = place(read.airports.get(from))
        const end = place(read.airports.get(to))
        return start && end && <path key={route} d={arc(start, end)} strokeOpacity={0.15 + 0.6 * (flights / most)} />
      })}
    </g>
  )
}

interface DotProps {
  readonly airport: Readonly<Airport>
  readonly largest: number
  readonly chosen: boolean
  readonly onAirport: (code: string) => void
}

/** Chooses an airport by pointer. The keyboard uses the list of airports above the map. */
const Dot = memo(function Dot({ airport, largest, chosen, onAirport }: DotProps) {
  const at = useMemo(() => place(airport), [airport])
  if (!at) return null
  const { code, city, state, departures, delay } = airport
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the list above the map does the same by keyboard
    <circle
      className="dot"
      data-step={departures > 0 ? delayStep(delay / departures) : 'none'}
      data-chosen={chosen}
      cx={at[0]}
      cy={at[1]}
      r={1.5 + 20 * Math.sqrt(departures / largest)}
      onClick={() => onAirport(chosen ? '' : code)}
    >
      <title>{`${city}, ${state} (${code}): ${plural(departures, 'departure')}${departures > 0 ? `, ${signed(delay / departures)} minutes` : ''}`}</title>
    </circle>
  )
})

interface ChoiceProps extends Omit<Props, 'read'> {
  readonly airports: readonly Readonly<Airport>[]
}

function AirportChoice({ airports, airport, onAirport }: ChoiceProps) {
  const codes = airports.map(({ code }) => code).join()
  // Names never change, only numbers do, so the list is made once for the same airports.
  // biome-ignore lint/correctness/useExhaustiveDependencies: if `codes` is the same, so are the names in `airports`
  const options = useMemo(
    () =>
      [...airports]
        .sort((a, b) => a.city.localeCompare(b.city))
        .map(({ code, city, state }) => (
          <option key={code} value={code}>
            {city}, {state} ({code})
          </option>
        )),
    [codes],
  )
  return (
    <label className="choice">
      <span className="visually-hidden">Airport</span>
      <select value={airport} onChange={(change) => onAirport(change.target.value)}>
        <option value="">All airports</option>
        {options}
      </select>
    </label>
  )
}

const Legend = () => (
  <div className="legend" aria-hidden="true">
    <span>mean delay in minutes</span>
    <ol>
      {[...delaySteps, Number.POSITIVE_INFINITY].map((upTo, step) => (
        <li key={upTo} data-step={step}>
          {step === 0 ? 'early' : upTo === Number.POSITIVE_INFINITY ? `> ${delaySteps.at(-1)}` : `≤ ${upTo}`}
        </li>
      ))}
    </ol>
    <span>size: departures</span>
  </div>
)

export const delayStep = (minutes: number): number => {
  const step = delaySteps.findIndex((upTo) => minutes <= upTo)
  return step < 0 ? delaySteps.length : step
}

const place = (airport: Readonly<Airport> | undefined): [number, number] | null =>
  airport ? projection([airport.lon, airport.lat]) : null

/** A curve that bends to the same side, seen from its start, so the curves of a route's two directions differ. */
function arc([x1, y1]: [number, number], [x2, y2]: [number, number]): string {
  const bend = 0.16
  const x = (x1 + x2) / 2 + (y2 - y1) * bend
  const y = (y1 + y2) / 2 - (x2 - x1) * bend
  return `M${x1.toFixed(1)},${y1.toFixed(1)}Q${x.toFixed(1)},${y.toFixed(1)},${x2.toFixed(1)},${y2.toFixed(1)}`
}
