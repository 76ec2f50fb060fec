import type { Series, Summary } from '../measure.ts'

export interface Result {
  readonly date: string
  readonly minutes: number
  /** One, or the parts of a long run. */
  readonly commands: readonly string[]
  readonly machine: Record<string, string | number>
  readonly versions: Record<string, string>
  /** Of the part that had the fewest. */
  readonly rounds: number
  readonly subjects: readonly { readonly name: string; readonly title: string; readonly keeps: string }[]
  readonly summary: readonly Summary[]
  readonly series: readonly Series[]
}
