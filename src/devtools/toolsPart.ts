import { type Part, part } from '../load.ts'

/** Loaded when the user asks for the past, for a check of the whole log, or for a test. An app that imports the tools shares their code. */
export const toolsPart: Part<typeof import('./onDemand.ts')> = part('onDemand', () => import('./onDemand.ts'))
