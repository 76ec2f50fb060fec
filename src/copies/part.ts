import { type Part, part } from '../load.ts'

/** The code of the mirror. A pipeline needs it to write one, and a boot needs it to restore a lost database. */
export const copies: Part<typeof import('./copies.ts')> = part('copies', () => import('./copies.ts'))
