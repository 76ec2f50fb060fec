import { real } from './globals.ts'
import { execute, plan, type Plan, type Result } from './run.ts'

export type { Plan, Result }
export { execute, plan, real }
