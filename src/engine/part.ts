import { type Part, part } from '../load.ts'

/** What an engine needs on a log with a remote: loaded only there. */
export const shared: Part<typeof import('./shared/shared.ts')> = part('shared', () => import('./shared/shared.ts'))

/** What it needs in an emergency, and for the past: loaded when the first work of a visit is done, or when it is asked for. */
export const reserve: Part<typeof import('./reserve.ts')> = part('reserve', () => import('./reserve.ts'))
