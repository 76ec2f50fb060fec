import { useEffect, useRef, useState } from 'react'
import { CommandRejected } from 'tidemark'
import { describeError } from '../ui/describeError.ts'
import { count, duration } from '../ui/format.ts'
import type { DeparturesEngine, DeparturesRead } from './engine.ts'
import { record } from './record.ts'

const targets = [10_000, 100_000, 1_000_000, 3_000_000] as const

const short = (flights: number): string => (flights < 1_000_000 ? `${flights / 1000} k` : `${flights / 1_000_000} M`)

interface Run {
  readonly target: number
  readonly from: number
  readonly started: number
}

interface Props {
  readonly engine: DeparturesEngine
  /** The number of recorded flights, updated as often as the page renders. */
  readonly flights: number
  /** The rows that exist before the first flight. */
  readonly places: Pick<DeparturesRead, 'airports' | 'routes'>
}

export function Recorder({ engine, flights, places: { airports, routes } }: Props) {
  const [run, setRun] = useState<Run>()
  const [note, setNote] = useState('')
  const cancel = useRef<AbortController>(undefined)
  useEffect(() => () => cancel.current?.abort(), [])

  const start = async (target: number): Promise<void> => {
    const controller = new AbortController()
    cancel.current = controller
    setNote('')
    const from = engine.read.recorded.value.flights
    const started = performance.now()
    setRun({ target, from, started })
    try {
      await record(engine, target, controller.signal)
      const recorded = engine.read.recorded.value.flights
      const seconds = (performance.now() - started) / 1000
      setNote(
        controller.signal.aborted
          ? `Stopped at ${count(recorded)}. The recorded flights stay, and you can continue from there.`
          : `${count(recorded - from)} flights recorded in ${seconds.toFixed(1)} s.`,
      )
    } catch (error) {
      setNote(explain(error))
    } finally {
      setRun(undefined)
    }
  }

  return (
    <section className="card recorder" aria-labelledby="recorder-title">
      <h2 id="recorder-title">Record flights</h2>
      {flights === 0 && !run ? (
        <>
          <p className="quiet">
            {count(airports.size)} airports and {count(routes.size)} routes are ready, and no flight has departed yet.
          </p>
          <button type="button" className="button button-main first" onClick={() => start(targets[0])}>
            Record the first {count(targets[0])} flights
          </button>
          <p className="quiet">That takes a few seconds. Or record more at once:</p>
        </>
      ) : (
        <p className="quiet">{count(flights)} recorded. Continue to the first</p>
      )}
      <div className="targets">
        {(flights === 0 && !run ? targets.slice(1) : targets).map((target) => (
          <button
            key={target}
            type="button"
            className="button"
            disabled={run !== undefined || flights >= target}
            aria-label={`${short(target)}: record the first ${count(target)} flights`}
            onClick={() => start(target)}
          >
            {flights >= target && <span aria-hidden="true">✓&nbsp;</span>}
            {short(target)}
          </button>
        ))}
      </div>
      {run && <RunProgress run={run} flights={flights} onCancel={() => cancel.current?.abort()} />}
      <p className="note" role="status">
        {note}
      </p>
    </section>
  )
}

function RunProgress({
  run,
  flights,
  onCancel,
}: {
  readonly run: Run
  readonly flights: number
  readonly onCancel: () => void
}) {
  const rate = (flights - run.from) / ((performance.now() - run.started) / 1000)
  const secondsLeft = (run.target - flights) / rate
  return (
    <div className="run">
      <progress value={flights} max={run.target} aria-label={`Recording the first ${count(run.target)} flights`} />
      <p>
        <span>
          {count(flights)} of {count(run.target)}
        </span>
        <span data-fact="rate">
          {rate > 0 ? `${count(Math.round(rate))} per second, ${duration(secondsLeft)} left` : 'reading the file'}
        </span>
      </p>
      <button type="button" className="button" onClick={onCancel}>
        Cancel
      </button>
    </div>
  )
}

const explain = (error: unknown): string =>
  error instanceof CommandRejected && error.code === 'not-next'
    ? 'Another tab is recording these flights, and they appear here too. Continue when it has stopped.'
    : `Stopped: ${describeError(error)}.`
