import { memo } from 'react'
import { count, signed } from '../ui/format.ts'
import type { DeparturesRead } from './engine.ts'
import { busiest } from './FlightMap.tsx'

interface Props {
  readonly read: DeparturesRead
  readonly airport: string
}

export const BusiestRoutes = memo(function BusiestRoutes({ read, airport }: Props) {
  const routes = busiest(airport ? read.routes.by('from', airport) : read.routes.all(), 10)
  const most = routes[0]?.flights ?? 1
  return (
    <section className="card routes" aria-labelledby="routes-title">
      <h2 id="routes-title">{airport ? `Busiest routes from ${airport}` : 'Busiest routes'}</h2>
      {routes.length === 0 ? (
        <p className="quiet">No flights yet.</p>
      ) : (
        <table>
          <thead>
            <tr>
              <th scope="col">route</th>
              <th scope="col">flights</th>
              <th scope="col">minutes late</th>
            </tr>
          </thead>
          <tbody>
            {routes.map(({ route, from, to, flights, delay }) => (
              <tr key={route}>
                <th scope="row" title={`${read.airports.get(from)?.city} to ${read.airports.get(to)?.city}`}>
                  {from} → {to}
                </th>
                <td>
                  <meter value={flights} max={most} aria-hidden="true" />
                  {count(flights)}
                </td>
                <td>{signed(delay / flights)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  )
})
