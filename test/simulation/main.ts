import { real } from './globals.ts'
import { type Plan, plan, profileNames as profiles } from './plan.ts'
import { execute, type Result } from './run.ts'

export type { Plan, Result }
export { execute, plan, profiles, real }
