import '../ui/theme.css'
import './twoDevices.css'
import { useEffect, useState, useSyncExternalStore } from 'react'
import { type EngineOf, openEngine } from 'tidemark'
import { useRead, useStatus } from 'tidemark/react'
import { type Rejected, rejected } from 'tidemark/sync'
import { devtoolsFailure, openDevtools } from '../ui/devtools.ts'
import { openPage } from '../ui/openPage.tsx'
import { remoteOf } from './between.ts'
import { describeSync } from './describeSync.ts'
import { SEATS, type Seat, seatApp } from './seats.ts'

type SeatEngine = EngineOf<typeof seatApp>

const name = new URLSearchParams(location.search).get('name') ?? 'Ada'
/** The prefix of the log's name: a real server and the server in the page have different logs. */
const database = new URLSearchParams(location.search).has('nats') ? 'nats-' : ''
const { between } = window.parent

const book = (engine: SeatEngine, seat: string): void => {
  const command = engine.read.seats.get(seat)?.by === name ? 'leave' : 'book'
  // If another person has the seat, the command is rejected at once, and the seat shows its owner.
  engine.dispatch[command]({ seat, by: name }).catch(() => {})
}

function Device({ engine }: { readonly engine: SeatEngine }) {
  const seats = useRead(engine, (read) => read.seats.all())
  const { tone, text } = describeSync(useStatus(engine).sync)
  const failure = useSyncExternalStore(devtoolsFailure.subscribe, devtoolsFailure.get)
  return (
    <main>
      <div className="device-head">
        <h1>{name}</h1>
        <button type="button" className="status-devtools" title="Ctrl+Shift+D" onClick={openDevtools}>
          Devtools
        </button>
      </div>
      {failure && <p role="alert">{failure.sentence}</p>}
      <p className="sync" data-tone={tone} role="status">
        {text}
      </p>
      <div className="seats">
        {SEATS.map((seat) => {
          const by = seats.find((one) => one.seat === seat)?.by
          return (
            <button
              key={seat}
              type="button"
              className="seat"
              data-owner={by === undefined ? 'none' : by === name ? 'me' : 'other'}
              aria-pressed={by === name}
              onClick={() => book(engine, seat)}
            >
              <strong>{seat}</strong>
              <span>{by ?? 'free'}</span>
            </button>
          )
        })}
      </div>
      <Refused engine={engine} seats={seats} />
    </main>
  )
}

/** The bookings that this device had shown and the shared log refused. */
function Refused({ engine, seats }: { readonly engine: SeatEngine; readonly seats: readonly Seat[] }) {
  const count = useStatus(engine).sync?.rejected ?? 0
  const [refused, setRefused] = useState<readonly Rejected[]>([])
  useEffect(() => {
    let current = true
    const show = (found: readonly Rejected[]): void => {
      if (current) setRefused(found)
    }
    if (count > 0) rejected(engine).then(show, () => show([]))
    else show([])
    return () => {
      current = false
    }
  }, [engine, count])
  return (
    <ul className="refused" aria-live="polite">
      {refused.map((one) => {
        const { seat } = one.input as Seat
        const owner = seats.find((row) => row.seat === seat)?.by
        return (
          <li key={one.commandId}>
            Seat {seat} {owner && owner !== name ? `went to ${owner} first` : 'could not be changed'}.{' '}
            <button type="button" className="button" onClick={() => one.discard()}>
              OK
            </button>
          </li>
        )
      })}
    </ul>
  )
}

if (between) {
  const remote = remoteOf(between.calls(name))
  const engine = await openPage(
    (options) => openEngine(seatApp, { name: `two-devices-${database}${name}`, remote, mirror: false, ...options }),
    (opened) => <Device engine={opened} />,
  )
  if (engine) between.ready(name, (seat) => book(engine, seat))
} else {
  document.getElementById('root')!.innerHTML =
    '<main><h1>One of two devices</h1><p>This is half of a demo. <a href="./">Open both</a>.</p></main>'
}
