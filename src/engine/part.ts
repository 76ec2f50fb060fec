import { type Part, part } from '../load.ts'

/** Everything an engine does once its rows are shown: append, catch up, follow the host, reopen, make room. */
export const live: Part<typeof import('./live.ts')> = part('live', () => import('./live.ts'))
