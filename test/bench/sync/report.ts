import { machine } from '../report/machine.ts'
import type { Figure } from './pieces.ts'

/** The report of sync: goals and measured values, each with the command that measures it again. */
export function markdown(figures: readonly Figure[]): string {
  const rows = figures.map(({ name, value, unit, goal, holds, command, date, load, note }) =>
    [name, `${value} ${unit}`, goal, holds ? 'yes' : '**no**', note ?? '', load ?? '', date, `\`${command}\``].join(
      ' | ',
    ),
  )
  return `# Figures of logs with a remote

Chromium, a nats-server on loopback, the sources built for production, ${JSON.stringify(machine())}. \`load\` is the number
of processes that wanted one of the cores as a piece began: above the number of cores, times say little. Bytes on the wire are counts, and are
held in \`test/sync/wire.test.ts\`.

| figure | measured | goal | holds | how | load | date | command |
| --- | --- | --- | --- | --- | --- | --- | --- |
${rows.map((row) => `| ${row} |`).join('\n')}
`
}
