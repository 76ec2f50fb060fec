import { type ReactNode, useId } from 'react'
import type { Engine } from 'tidemark'
import { describeChange, describeData } from './describeChange.ts'
import { describeError } from './describeError.ts'
import { count, plural } from './format.ts'
import type { TimeMachine as Machine, Moment } from './useTimeMachine.ts'

/** The most rows that are listed. The others are only counted. */
const listed = 4

interface Props<E> {
  readonly machine: Machine<E>
  /** The last event of the log. */
  readonly head: number
  /** One sentence that says what the time machine is for. */
  readonly children: ReactNode
  /** The state at that point, if the page does not show it elsewhere. */
  readonly state?: (moment: Moment<E>) => ReactNode
}

export function TimeMachine<E extends Engine<any, any, any>>({ machine, head, children, state }: Props<E>) {
  const title = useId()
  const { moment, progress, error } = machine
  return (
    <section className="card time" aria-labelledby={title}>
      <div className="time-head">
        <h2 id={title}>Time machine</h2>
        {machine.state === 'closed' ? (
          <button type="button" className="button" disabled={head === 0} onClick={machine.open}>
            Look back
          </button>
        ) : (
          <button type="button" className="button" onClick={machine.close}>
            Back to now
          </button>
        )}
      </div>
      {machine.state === 'closed' && <p className="time-quiet time-about">{children}</p>}
      {machine.state !== 'closed' && <Slider machine={machine} head={head} />}
      {progress && (
        <progress value={progress.done} max={progress.total} aria-label="Reading the log" className="time-progress" />
      )}
      {moment && <WhatHappened moment={moment} />}
      {moment && state?.(moment)}
      {error && <p role="alert">The past could not be read: {describeError(error)}.</p>}
    </section>
  )
}

function Slider<E>({
  machine: { state, moment, target, move },
  head,
}: {
  readonly machine: Machine<E>
  readonly head: number
}) {
  const ready = state === 'open'
  const what = moment && moment.sequence === target && moment.event ? `, ${moment.event.type}` : ''
  const step = (by: number, label: string, sign: string) => (
    <button
      type="button"
      className="button time-step"
      aria-label={label}
      disabled={!ready || target + by < 0 || target + by > head}
      onClick={() => move(target + by)}
    >
      {sign}
    </button>
  )
  return (
    <div className="time-slider">
      {step(-1, 'Event before', '‹')}
      <input
        type="range"
        min={0}
        max={head}
        value={target}
        disabled={!ready}
        aria-label="Point in the log"
        aria-valuetext={target === 0 ? 'before the first event' : `event ${count(target)} of ${count(head)}${what}`}
        onChange={(change) => move(change.target.valueAsNumber)}
      />
      {step(1, 'Event after', '›')}
      <output>
        {count(target)} <span className="time-quiet">of {count(head)}</span>
      </output>
    </div>
  )
}

function WhatHappened<E>({ moment }: { readonly moment: Moment<E> }) {
  const { event, changes } = moment as Moment<Engine<any, any, any>>
  if (!event) return <p className="time-event">Before the first event: nothing had happened yet.</p>
  const unlisted = changes.length - listed
  return (
    <div className="time-what" data-sequence={event.sequence}>
      <p className="time-event">
        <strong>{event.type}</strong> <time dateTime={new Date(event.at).toISOString()}>{when(event.at)}</time>
        <span className="time-data">{describeData(event.data)}</span>
      </p>
      <ul aria-label="Rows it changed">
        {changes.slice(0, listed).map((change) => {
          const { what, where, details } = describeChange(change)
          return (
            <li key={where} data-what={what}>
              <span className="time-where">
                {where} {what}
              </span>{' '}
              {what !== 'removed' && <span className="time-quiet">{details.join(', ')}</span>}
            </li>
          )
        })}
        {unlisted > 0 && <li className="time-quiet">and {plural(unlisted, 'row')} more</li>}
        {changes.length === 0 && <li className="time-quiet">It changed no row.</li>}
      </ul>
    </div>
  )
}

const when = (at: number): string => new Date(at).toLocaleString('en', { dateStyle: 'medium', timeStyle: 'medium' })
