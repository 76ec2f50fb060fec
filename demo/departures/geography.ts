import { geoAlbersUsa } from 'd3-geo'

export const width = 975
export const height = 610

/** Alaska and Hawaii stand in the lower left corner; Puerto Rico and the Virgin Islands are off this map. */
export const projection = geoAlbersUsa()
  .scale(1300)
  .translate([width / 2, height / 2])
