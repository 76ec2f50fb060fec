import { type Part, part } from '../load.ts'

/** What an engine needs in an emergency, and for the past: loaded when the first work of a visit is done, or when it is asked for. */
export const reserve: Part<typeof import('./reserve.ts')> = part('reserve', () => import('./reserve.ts'))

/** What a page needs whose app has reactions: loaded only there. Declared behind `reserve`, too. */
export const reacting: Part<typeof import('./reacting.ts')> = part('reacting', () => import('./reacting.ts'))

/** What it needs on a log with a remote: loaded only there. Declared behind `reserve`, so that what both need is in the file of that. */
export const sharedPart: Part<typeof import('./shared/shared.ts')> = part('shared', () => import('./shared/shared.ts'))
