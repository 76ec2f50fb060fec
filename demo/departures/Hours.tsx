import { memo, useMemo } from 'react'
import uPlot from 'uplot'
import { compact } from '../ui/format.ts'
import type { DeparturesRead } from './engine.ts'
import { type Ink, Plot } from './Plot.tsx'

/** The least share of all flights for which an hour shows a mean. With a handful of flights at night, the mean would be the tallest bar. */
const fewest = 0.002

export const Hours = memo(function Hours({ read }: { readonly read: DeparturesRead }) {
  const hours = read.delayByHour.all()
  const { delays, flights } = useMemo(() => {
    const x = hours.map(({ hour }) => hour)
    const total = hours.reduce((sum, { flights }) => sum + flights, 0)
    return {
      delays: [
        x,
        hours.map(({ delay, flights }) => (flights > total * fewest ? delay / flights : null)),
      ] as uPlot.AlignedData,
      flights: [x, hours.map(({ flights }) => flights)] as uPlot.AlignedData,
    }
  }, [hours])
  return (
    <section className="card hours" aria-labelledby="hours-title">
      <h2 id="hours-title">By hour of the day</h2>
      {read.recorded.value.flights === 0 ? (
        <p className="quiet">No flights yet.</p>
      ) : (
        <>
          <h3>Mean delay in minutes, by hour of departure (without hours that have few flights)</h3>
          <Plot label={delaySummary(read)} height={170} data={delays} options={delayOptions} />
          <h3>Flights by hour of departure</h3>
          <Plot label="Flights by hour of departure" height={170} data={flights} options={flightOptions} />
        </>
      )}
    </section>
  )
})

function delaySummary(read: DeparturesRead): string {
  const worst = read.delayByHour
    .all()
    .filter(({ flights }) => flights > read.recorded.value.flights * fewest)
    .sort((a, b) => b.delay / b.flights - a.delay / a.flights)[0]
  return worst ? `Mean delay by hour; worst at ${worst.hour} o'clock` : 'Mean delay by hour; no flights yet'
}

const bars = uPlot.paths.bars!({ size: [0.72, 40] })

const hourly = (ink: Ink, colour: string, values: (n: number) => string): Omit<uPlot.Options, 'width' | 'height'> => ({
  legend: { show: false },
  cursor: { show: false },
  padding: [8, 4, 0, 0],
  scales: {
    x: { time: false, range: [-0.7, 23.7] },
    y: { range: (_, min, max) => [Math.min(0, min), Math.max(max, 1)] },
  },
  series: [{}, { fill: colour, paths: bars, points: { show: false } }],
  axes: [
    {
      stroke: ink.text,
      grid: { show: false },
      ticks: { show: false },
      size: 24,
      splits: [0, 6, 12, 18, 23],
      values: (_, at) => at.map((hour) => `${hour}h`),
    },
    {
      stroke: ink.text,
      grid: { stroke: ink.grid, width: 1 },
      ticks: { show: false },
      size: 44,
      space: 36,
      values: (_, at) => at.map(values),
    },
  ],
})

const delayOptions = (ink: Ink) => hourly(ink, ink.mark, String)
const flightOptions = (ink: Ink) => hourly(ink, ink.sea, compact)
