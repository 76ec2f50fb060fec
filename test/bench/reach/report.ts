import { readFileSync } from 'node:fs'
import { markdownTable } from 'markdown-table'
import type { Summary } from '../measure.ts'
import { amount } from '../report/markdown.ts'

/** What one axis gave, and how to measure it again. */
export interface Reached {
  readonly axis: string
  readonly command: string
  readonly date: string
  readonly minutes: number
  /** Processes that wanted a core as it began. */
  readonly load: number
  readonly machine: Record<string, string | number>
  readonly summary: readonly Summary[]
}

/** Written by hand: where the curves bend, and why. */
const bends = readFileSync(new URL('bends.md', import.meta.url), 'utf8')

const titles: Readonly<Record<string, string>> = {
  events: 'Events, with 1,000 rows',
  rows: 'Rows, with a million events',
  projections: 'Projections, with 200,000 events',
  tabs: 'Tabs, with 100,000 events and 5,000 rows',
}

function table({ axis, summary }: Reached): string {
  const columns = [...new Set(summary.map(({ cell }) => cell))]
  const rows = [...new Set(summary.map(({ figure, subject }) => `${figure}\n${subject}`))].sort().map((row) => {
    const [figure, subject] = row.split('\n') as [string, string]
    const cells = columns.map((column) => {
      const found = summary.find((s) => s.figure === figure && s.subject === subject && s.cell === column)
      return found ? amount(found.p50, found.unit) : '–'
    })
    return [figure, subject === 'floor' ? 'floor' : 'Tidemark', ...cells]
  })
  return markdownTable([['', '', ...columns.map((column) => column.replace(`${axis}: `, ''))], ...rows])
}

export function markdown(all: readonly Reached[]): string {
  const sections = all.map(
    (reached) => `## ${titles[reached.axis] ?? reached.axis}

\`${reached.command}\`, ${reached.date}, ${reached.minutes} minutes, load as it began ${reached.load}. Medians.

${table(reached)}
`,
  )
  const { processor, cores, memory, system } = all[0]?.machine ?? {}
  return `# How far it goes

Chromium, production builds, ${processor}, ${cores} cores, ${memory}, ${system}. The floor is hand-written IndexedDB, as in the other figures. Each axis changes one number. Absolute times
move with the machine: compare the columns of one row, and Tidemark with the floor.

${bends}
${sections.join('\n')}`
}
