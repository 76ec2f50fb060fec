import { type Part, part } from '../load.ts'

/** The code for the past, for a check of the whole log, and for copied tests. It loads on first use. An app that imports the tools shares it. */
export const toolsPart: Part<typeof import('./onDemand.ts')> = part('onDemand', () => import('./onDemand.ts'))
