import '../ui/theme.css'
import '../ui/page.css'
import './twoDevices.css'
import { type ReactNode, useEffect, useState, useSyncExternalStore } from 'react'
import { createRoot } from 'react-dom/client'
import { SEATS } from './seats.ts'
import { openServer, type Server } from './server.ts'

const NAMES = ['Ada', 'Bo'] as const
type Name = (typeof NAMES)[number]
const LATENCY_MS = 1500
/** The address of a real server, as `npm run demo:nats` prints it. */
const nats = new URLSearchParams(location.search).get('nats')

/** The lock of the devices' databases and their server: only one page at a time may use them. */
const LOCK = 'two-devices'
const isFirst = await new Promise<boolean>((resolve) => {
  navigator.locks.request(LOCK, { ifAvailable: true }, (lock) => {
    resolve(lock !== null)
    return lock && new Promise(() => {})
  })
})

function Page({ children }: { readonly children: ReactNode }) {
  return (
    <main id="content" className="two-devices">
      <h1>Two devices, one log</h1>
      {children}
    </main>
  )
}

function Devices({ server }: { readonly server: Server }) {
  const messages = useSyncExternalStore(server.subscribe, server.messages)
  const [offline, setOffline] = useState<Record<Name, boolean>>({ Ada: false, Bo: false })
  const [slow, setSlow] = useState(false)
  const [notice, setNotice] = useState('')
  const [presses] = useState(() => new Map<string, (seat: string) => void>())

  useEffect(() => {
    for (const name of NAMES) server.set(name, { offline: offline[name], latency: slow ? LATENCY_MS : 0 })
  }, [server, offline, slow])

  window.between = {
    calls: server.calls,
    ready: (name, book) => void presses.set(name, book),
  }

  const wantOneSeat = (): void => {
    const taken = new Set(messages.flatMap(({ text }) => text.match(/\d[A-C]/g) ?? []))
    const seat = SEATS.find((one) => !taken.has(one)) ?? SEATS[0]
    for (const name of NAMES) server.set(name, { offline: true, latency: 0 })
    setOffline({ Ada: true, Bo: true })
    for (const name of NAMES) presses.get(name)?.(seat)
    setNotice(`Both are offline and have booked ${seat}. Take them online, one after the other: the first one gets it.`)
  }
  const forget = async (): Promise<void> => {
    const count = await server.forget()
    setNotice(
      count > 0
        ? `The server was killed and had not saved its last ${count === 1 ? 'message' : `${count} messages`}. A device that is online appends them again.`
        : 'The server has nothing to forget yet.',
    )
  }

  return (
    <Page>
      <p className="lead">
        Each frame is a device with a database of its own. Take one offline, book on both, and take it online again: its
        bookings are decided again after those that came first. No seat is sold twice.
      </p>
      <div className="controls">
        <button type="button" className="button button-main" onClick={wantOneSeat}>
          Both offline, both want one seat
        </button>
        <label>
          <input type="checkbox" checked={slow} onChange={() => setSlow(!slow)} /> Slow network, {LATENCY_MS / 1000} s
        </label>
        {server.is === 'memory' && (
          <button type="button" className="button" onClick={forget}>
            The server forgets its last second
          </button>
        )}
      </div>
      <p className="news" role="status">
        {notice}
      </p>
      <div className="devices">
        {NAMES.map((name) => (
          <section key={name} aria-label={`The device of ${name}`}>
            <iframe title={`The device of ${name}`} src={`./device.html?name=${name}${nats === null ? '' : '&nats'}`} />
            <label>
              <input
                type="checkbox"
                checked={offline[name]}
                onChange={() => setOffline({ ...offline, [name]: !offline[name] })}
              />{' '}
              {name} is offline
            </label>
          </section>
        ))}
      </div>
      <h2>The shared log, as the server has it</h2>
      {messages.length === 0 ? (
        <p className="quiet">Nothing yet: book a seat.</p>
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: the keyboard scrolls it
        <ol className="strip" tabIndex={0} aria-label="Messages of the shared log">
          {messages.map(({ position, text, at }) => (
            <li key={`${position} ${at}`}>
              <span className="quiet">{position}</span> {text}
            </li>
          ))}
        </ol>
      )}
      <p className="quiet">
        {nats === null ? 'The server runs in a worker of this page.' : `The server is ${nats}.`} The same two devices
        work with <a href="../guide/remote-server.html#try-it-here">a real one</a>;{' '}
        <a href="../guide/several-devices.html">how it works</a>.
      </p>
    </Page>
  )
}

const root = createRoot(document.getElementById('root')!)
if (isFirst) root.render(<Devices server={await openServer(nats)} />)
else
  root.render(
    <Page>
      <p className="lead">This demo is open in another tab. Close that one, and reload.</p>
    </Page>,
  )
