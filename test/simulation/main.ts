import { real } from './globals.ts'
import { execute, type Plan, plan, type Result } from './run.ts'

export type { Plan, Result }
export { execute, plan, real }
