import { geoAlbersUsa } from 'd3-geo'

export const width = 975
export const height = 610

/** Shows Alaska and Hawaii in the lower left corner. Puerto Rico and the Virgin Islands are not on the map. */
export const projection = geoAlbersUsa()
  .scale(1300)
  .translate([width / 2, height / 2])
