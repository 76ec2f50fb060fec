import { type Part, part } from '../load.ts'

/** The code of the pipeline, for a page that runs it itself. */
export const pipeline: Part<typeof import('./inPage.ts')> = part('pipeline', () => import('./inPage.ts'))
