import { type Part, part } from '../load.ts'

/**
 * The code for emergencies and for the history. It is loaded when the first work of a visit is done, or when it is
 * needed.
 */
export const reserve: Part<typeof import('./reserve.ts')> = part('reserve', () => import('./reserve.ts'))

/** The code of a page whose app has reactions. Declared after `reserve`, like `sharedPart`. */
export const reacting: Part<typeof import('./reacting.ts')> = part('reacting', () => import('./reacting.ts'))

/**
 * The code for a log with a remote. Declared after `reserve`, so that the bundler puts what both need into the file of
 * `reserve`.
 */
export const sharedPart: Part<typeof import('./shared/shared.ts')> = part('shared', () => import('./shared/shared.ts'))
