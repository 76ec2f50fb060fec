import { type Part, part } from '../load.ts'

/** The second copy of a log: written by the pipeline, read by a boot that finds a new database. */
export const copies: Part<typeof import('./copies.ts')> = part('copies', () => import('./copies.ts'))
