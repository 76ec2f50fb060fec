import { count, signed } from '../ui/format.ts'
import type { DeparturesRead } from './engine.ts'

const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'long', year: 'numeric', timeZone: 'UTC' })

export function Numbers({ read }: { readonly read: DeparturesRead }) {
  const { flights, until } = read.recorded.value
  const delay = read.delayByHour.all().reduce((sum, hour) => sum + hour.delay, 0)
  const served = read.airports.all().filter(({ departures }) => departures > 0).length
  const flown = read.routes.all().filter(({ flights }) => flights > 0).length
  return (
    <section className="numbers" aria-label="Recorded flights">
      <dl>
        <Figure name="flights" value={count(flights)} />
        <Figure name="minutes late, on average" value={flights ? signed(delay / flights) : '–'} />
        <Figure name={`of ${count(read.airports.size)} airports`} value={count(served)} />
        <Figure name={`of ${count(read.routes.size)} routes`} value={count(flown)} />
      </dl>
      <p className="quiet">
        {until
          ? `1 January 2001 to ${day.format(new Date(`${until}Z`))}, ${until.slice(11)}`
          : 'No flight has departed yet.'}
      </p>
    </section>
  )
}

function Figure({ name, value }: { readonly name: string; readonly value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd data-fact={name.split(' ').at(-1)}>{value}</dd>
    </div>
  )
}
