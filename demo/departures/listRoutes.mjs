// Writes routes.json, the routes of all three million flights: node demo/departures/listRoutes.mjs
import { writeFileSync } from 'node:fs'
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'

/** @param {string} file */
const here = (file) => new URL(file, import.meta.url)
const file = await asyncBufferFromFile(here('../../node_modules/vega-datasets/data/flights-3m.parquet').pathname)
const flights = await parquetReadObjects({ file, compressors, columns: ['origin', 'destination'] })

/** @type {Record<string, Set<string>>} */
const destinations = {}
for (const { origin, destination } of flights) {
  destinations[origin] ??= new Set()
  destinations[origin].add(destination)
}

const lines = Object.keys(destinations)
  .sort()
  .map((origin) => `  "${origin}": "${[...(destinations[origin] ?? [])].sort().join(' ')}"`)
writeFileSync(here('routes.json'), `{\n${lines.join(',\n')}\n}\n`)
