/** Reads the files of vega-datasets away from the page: decoding one group of 270,000 flights takes half a second. */
import { expose } from 'comlink'
import { geoPath } from 'd3-geo'
import { decompress } from 'fzstd'
import {
  type AsyncBuffer,
  asyncBufferFromUrl,
  type Compressors,
  type FileMetaData,
  parquetMetadataAsync,
  parquetReadObjects,
} from 'hyparquet'
import { feature, mesh } from 'topojson-client'
import type { GeometryCollection, Topology } from 'topojson-specification'
import airportsUrl from '../../node_modules/vega-datasets/data/airports.csv?url'
import flightsUrl from '../../node_modules/vega-datasets/data/flights-3m.parquet?url'
import statesUrl from '../../node_modules/vega-datasets/data/us-10m.json?url'
import type { Flight, PlacedAirport } from './departures.ts'
import { projection } from './geography.ts'
import destinations from './routes.json'

interface Row {
  readonly date: number
  readonly delay: bigint
  readonly distance: bigint
  readonly origin: string
  readonly destination: string
}

/** The only codec that this file needs. hyparquet-compressors has more, but with WebAssembly that a strict content policy refuses. */
const compressors: Compressors = { ZSTD: (bytes) => decompress(bytes) }

let opened: Promise<{ file: AsyncBuffer; metadata: FileMetaData }> | undefined
let group: { first: number; rows: Row[] } | undefined

async function openFile(): Promise<{ file: AsyncBuffer; metadata: FileMetaData }> {
  const file = await asyncBufferFromUrl({ url: flightsUrl })
  return { file, metadata: await parquetMetadataAsync(file) }
}

/** Reads the group of rows that holds `row`, and keeps the last group. */
async function groupWith(row: number): Promise<{ first: number; rows: Row[] }> {
  if (group && row >= group.first && row < group.first + group.rows.length) return group
  opened ??= openFile()
  const { file, metadata } = await opened
  let first = 0
  for (const { num_rows } of metadata.row_groups) {
    const end = first + Number(num_rows)
    if (row < end) {
      const rows = await parquetReadObjects({
        file,
        metadata,
        compressors,
        parsers: { timestampFromMicroseconds: (micros) => Number(micros) / 1000 },
        rowStart: first,
        rowEnd: end,
      })
      group = { first, rows: rows as unknown as Row[] }
      return group
    }
    first = end
  }
  throw new RangeError(`the file has ${first} flights, there is none at ${row}`)
}

const flightOf = ({ origin, destination, date, delay, distance }: Row): Flight => ({
  from: origin,
  to: destination,
  time: new Date(date).toISOString().slice(0, 16),
  delay: Number(delay),
  distance: Number(distance),
})

const data = {
  /** Reads up to `count` flights, from `first` on. */
  async flights(first: number, count: number): Promise<Flight[]> {
    const flights: Flight[] = []
    while (flights.length < count) {
      const { first: start, rows } = await groupWith(first + flights.length)
      const from = first + flights.length - start
      for (const row of rows.slice(from, from + count - flights.length)) flights.push(flightOf(row))
    }
    return flights
  },

  async network(): Promise<{ airports: PlacedAirport[]; routes: string[] }> {
    const response = await fetch(airportsUrl)
    const used: Record<string, string> = destinations
    const airports = parseAirports(await response.text()).filter(({ code }) => code in used)
    const routes = Object.entries(used).flatMap(([from, to]) => to.split(' ').map((code) => `${from}-${code}`))
    return { airports, routes }
  },

  /** SVG paths of the land and of the borders between states. */
  async outline(): Promise<{ land: string; borders: string }> {
    const response = await fetch(statesUrl)
    const topology: Topology<{ states: GeometryCollection }> = await response.json()
    const { states } = topology.objects
    const path = geoPath(projection).digits(1)
    return {
      land: path(feature(topology, states)) ?? '',
      borders: path(mesh(topology, states, (a, b) => a !== b)) ?? '',
    }
  },
}

export type Data = typeof data
expose(data)

/** `iata,name,city,state,country,latitude,longitude`. A name may be in quotes and then have a comma. */
function parseAirports(csv: string): PlacedAirport[] {
  return csv
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => {
      const cells = line.match(/"[^"]*"|[^,]+/g) ?? []
      const [code = '', name = '', city = '', state = '', , lat, lon] = cells.map((cell) => cell.replaceAll('"', ''))
      return { code, name, city, state, lat: Number(lat), lon: Number(lon) }
    })
}
