import { real } from './globals.ts'
import { execute, type Plan, plan, profileNames as profiles, type Result } from './run.ts'

export type { Plan, Result }
export { execute, plan, profiles, real }
