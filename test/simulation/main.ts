import { real } from './globals.ts'
import { isPending, type Plan, plan, profileNames as profiles } from './plan.ts'
import { execute, type Result } from './run.ts'

export type { Plan, Result }
export { execute, isPending, plan, profiles, real }
