import { memo, useEffect, useMemo, useRef, useState } from 'react'
import type uPlot from 'uplot'
import { describeError } from '../ui/describeError.ts'
import { compact, count, milliseconds } from '../ui/format.ts'
import { compare, type Measured, sizes } from './compare.ts'
import { type Ink, Plot } from './Plot.tsx'

export const Comparison = memo(function Comparison() {
  const [measured, setMeasured] = useState<readonly Measured[]>([])
  const [running, setRunning] = useState(false)
  const [note, setNote] = useState('')
  const cancel = useRef<AbortController>(undefined)
  useEffect(() => () => cancel.current?.abort(), [])

  const measure = async (): Promise<void> => {
    const controller = new AbortController()
    cancel.current = controller
    setMeasured([])
    setNote('')
    setRunning(true)
    try {
      await compare(controller.signal, (figure) => setMeasured((figures) => [...figures, figure]))
    } catch (error) {
      if (!controller.signal.aborted) setNote(`Stopped: ${describeError(error)}.`)
    } finally {
      setRunning(false)
    }
  }

  return (
    <section className="card comparison" aria-labelledby="comparison-title">
      <h2 id="comparison-title">Snapshot or replay?</h2>
      <p className="quiet">
        Measured in this browser. A separate log grows to {count(sizes.at(-1)!)} flights. At each size it is opened from
        its snapshot, and by folding all of its events. Afterwards it is deleted.
      </p>
      <div className="row">
        {running ? (
          <button type="button" className="button" onClick={() => cancel.current?.abort()}>
            Cancel
          </button>
        ) : (
          <button type="button" className="button" onClick={measure}>
            {measured.length ? 'Measure again' : 'Measure'}
          </button>
        )}
        {running && (
          <progress value={measured.length} max={sizes.length} aria-label="Measuring snapshot boot against replay" />
        )}
      </div>
      {note && <p role="status">{note}</p>}
      {measured.length > 0 && <Figures measured={measured} />}
    </section>
  )
})

function Figures({ measured }: { readonly measured: readonly Measured[] }) {
  const data = useMemo(
    () =>
      [
        measured.map(({ events }) => events),
        measured.map(({ replay }) => replay),
        measured.map(({ snapshot }) => snapshot),
      ] as uPlot.AlignedData,
    [measured],
  )
  return (
    <>
      <ul className="key">
        <li className="key-replay">full replay</li>
        <li className="key-snapshot">snapshot and tail</li>
      </ul>
      <Plot
        label="Milliseconds to open, by events in the log. The table below has the figures."
        height={190}
        data={data}
        options={options}
      />
      <table>
        <thead>
          <tr>
            <th scope="col">events</th>
            <th scope="col">full replay</th>
            <th scope="col">snapshot</th>
          </tr>
        </thead>
        <tbody>
          {measured.map(({ events, replay, snapshot }) => (
            <tr key={events}>
              <th scope="row">{count(events)}</th>
              <td>{milliseconds(replay)}</td>
              <td>{milliseconds(snapshot)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  )
}

const options = (ink: Ink): Omit<uPlot.Options, 'width' | 'height'> => ({
  legend: { show: false },
  cursor: { show: false },
  padding: [10, 16, 0, 0],
  scales: {
    x: { time: false, range: [0, sizes.at(-1)!] },
    y: { range: (_, __, max) => [0, Math.max(max, 1)] },
  },
  series: [{}, line(ink.mark), line(ink.sea)],
  axes: [
    { stroke: ink.text, grid: { show: false }, ticks: { show: false }, size: 26, values: (_, at) => at.map(compact) },
    {
      stroke: ink.text,
      grid: { stroke: ink.grid, width: 1 },
      ticks: { show: false },
      size: 52,
      values: (_, at) => at.map((ms) => (ms < 1000 ? `${ms} ms` : `${ms / 1000} s`)),
    },
  ],
})

const line = (stroke: string): uPlot.Series => ({ stroke, width: 2, points: { show: true, size: 7, fill: stroke } })
