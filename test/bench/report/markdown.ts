import { readFileSync } from 'node:fs'
import { markdownTable } from 'markdown-table'
import prettyBytes from 'pretty-bytes'
import type { Summary } from '../measure.ts'
import { goals } from './goals.ts'
import type { Result } from './result.ts'

/** Written by hand, beside the figures that it explains. */
const limits = readFileSync(new URL('limits.md', import.meta.url), 'utf8')

const times = (ratio: number) =>
  `× ${ratio < 10 ? ratio.toFixed(2) : ratio < 100 ? ratio.toFixed(1) : ratio.toFixed(0)}`
export function amount(value: number, unit: string): string {
  if (unit === 'B') return prettyBytes(value)
  if (unit !== 'ms') return `${Number(value.toPrecision(3))} ${unit}`
  if (value >= 10_000) return `${(value / 1000).toFixed(1)} s`
  return `${value >= 100 ? value.toFixed(0) : Number(value.toPrecision(2))} ms`
}

/** Median, with the 95th percentile where there are enough values for one, else the interquartile range; then both as ratios to the floor. */
function entry(s: Summary | undefined): string {
  if (!s) return '–'
  const many = s.n >= 40
  const spread = many ? ` / ${amount(s.p95, s.unit)}` : s.n > 3 ? ` ± ${amount(s.iqr, s.unit)}` : ''
  const ratio = s.ratio === undefined || s.subject === 'floor' ? '' : `, ${times(s.ratio)}`
  return `${amount(s.p50, s.unit)}${spread}${ratio}${ratio && many && s.ratio95 !== undefined ? ` / ${s.ratio95.toFixed(1)}` : ''}`
}

export function markdown(result: Result): string {
  const { summary, subjects, machine, versions, date, rounds } = result
  const title = (name: string) =>
    ({
      packed: 'one record of all 1,000',
      'tidemark-indexed': 'Tidemark, with the index',
      'tidemark-reacting': 'Tidemark, with ten reactions',
    })[name] ??
    subjects.find((s) => s.name === name)?.title ??
    name
  const sections = [...new Set(summary.map(({ figure }) => figure))].map((figure) => {
    const of = summary.filter((s) => s.figure === figure)
    const cells = [...new Set(of.map(({ cell }) => cell))]
    const names = [...new Set(of.map(({ subject }) => subject))]
    const rank = (name: string) => subjects.findIndex((s) => s.name === name)
    names.sort((a, b) => rank(a) - rank(b))
    const rows = names.map((name) => [
      title(name),
      ...cells.map((cell) => entry(of.find((s) => s.cell === cell && s.subject === name))),
    ])
    return `### ${figure[0]?.toUpperCase()}${figure.slice(1)}\n\n${markdownTable([['', ...cells], ...rows])}\n`
  })
  return `# Figures

${date.slice(0, 10)}, ${machine.processor}, ${machine.cores} cores, ${machine.memory}, ${machine.system}, Node ${machine.node};
${Object.entries(versions)
  .map(([name, version]) => `${name} ${version}`)
  .join(', ')}.
At least ${rounds} rounds, all subjects interleaved. A cell such as 100k×5k: events in the log × rows they add up to. Median ± interquartile range, or median / 95th
percentile; × is the ratio to the floor in the same run. Absolute times move with the machine.
A run of a few figures (\`--only\`, \`--figures\`) replaces those, and leaves the others as an earlier run, perhaps on another machine, measured them.

${markdownTable([['subject', 'keeps'], ...subjects.map((s) => [s.title, s.keeps])])}

${goals(result)}
${limits}
## Figures

${sections.join('\n')}
Made by ${result.commands.map((command) => `\`${command}\``).join(', ')} in ${result.minutes} minutes.
`
}
