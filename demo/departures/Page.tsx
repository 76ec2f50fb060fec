import { useDeferredValue, useState } from 'react'
import { StatusBar } from '../ui/StatusLine.tsx'
import { TimeMachine } from '../ui/TimeMachine.tsx'
import { useTimeMachine } from '../ui/useTimeMachine.ts'
import { BootCard } from './BootCard.tsx'
import type { Boot } from './boot.ts'
import { Comparison } from './Comparison.tsx'
import type { DeparturesEngine } from './engine.ts'
import { FlightMap } from './FlightMap.tsx'
import { Hours } from './Hours.tsx'
import { type Live, useLive } from './live.ts'
import { Numbers } from './Numbers.tsx'
import { Recorder } from './Recorder.tsx'
import { BusiestRoutes } from './Routes.tsx'
import { Workshop } from './Workshop.tsx'

interface Props {
  readonly engine: DeparturesEngine
  readonly live: Live
  readonly boot: Boot
}

export function Page({ engine, live, boot }: Props) {
  const { read, status } = useLive(live)
  const machine = useTimeMachine(engine)
  const shown = machine.moment?.read ?? read
  /** The map and the charts may render a frame later, and in slices, so that recording is not slowed down. */
  const pictured = useDeferredValue(shown)
  const [airport, setAirport] = useState('')
  const { flights } = read.recorded.value
  return (
    <>
      <main id="content">
        <div className="page-header">
          <h1>Departures</h1>
          <p>
            Real departures from US airports in 2001. Each flight is an event in a log in this browser. The map and the
            charts are computed from that log. Close the tab: the next one opens from a snapshot, however long the log
            is.
          </p>
        </div>
        <div className={`departures${flights ? '' : ' departures-first'}`}>
          <Recorder engine={engine} flights={flights} places={read} />
          <FlightMap read={pictured} airport={airport} onAirport={setAirport} />
          {flights > 0 && (
            <>
              <Numbers read={shown} />
              <BootCard boot={boot} />
              <Hours read={pictured} />
              <BusiestRoutes read={pictured} airport={airport} />
              <Comparison />
              <TimeMachine machine={machine} head={status.sequence}>
                Go back to any flight. Numbers, map and charts are computed from the log, so the page can show them as
                they were after any event.
              </TimeMachine>
              <Workshop engine={engine} status={status} />
            </>
          )}
        </div>
      </main>
      <StatusBar status={status} />
    </>
  )
}
