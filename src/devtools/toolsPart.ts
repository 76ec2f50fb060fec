import { type Part, part } from '../load.ts'

/** Loaded when somebody asks for the past, a check of the whole log, or a test: an app that has the tools anyway shares their code. */
export const toolsPart: Part<typeof import('./onDemand.ts')> = part('onDemand', () => import('./onDemand.ts'))
