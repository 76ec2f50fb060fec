import { useEffect, useRef, useState } from 'react'
import { describeError } from '../ui/describeError.ts'
import { count, plural } from '../ui/format.ts'
import { departures } from './departures.ts'
import type { DeparturesEngine } from './engine.ts'

interface Props {
  readonly engine: DeparturesEngine
  readonly status: DeparturesEngine['status']
}

/** Buttons that break something. The page shows how it recovers. */
export function Workshop({ engine, status }: Props) {
  return (
    <section className="card workshop" aria-labelledby="workshop-title">
      <h2 id="workshop-title">Try it</h2>
      <div className="tries">
        <div className="try">
          <a className="button" href={location.pathname} target="_blank" rel="noopener">
            Open a second tab
          </a>
          <p>Both show the same log. Record in one and watch the other.</p>
        </div>
        <StopWorker worker={status.worker} />
        <Rebuild engine={engine} />
        <LoseDatabase status={status} />
      </div>
    </section>
  )
}

function StopWorker({ worker }: { readonly worker: Props['status']['worker'] }) {
  const [state, setState] = useState<'running' | 'stopped' | 'started again'>('running')
  const channel = useRef<BroadcastChannel>(undefined)
  useEffect(() => {
    const demo = new BroadcastChannel('departures-demo')
    channel.current = demo
    demo.onmessage = ({ data }) => {
      if (data === 'stop the worker') setState('stopped')
      if (data === 'a worker started') setState((before) => (before === 'running' ? before : 'started again'))
    }
    return () => demo.close()
  }, [])
  const stop = (): void => {
    channel.current?.postMessage('stop the worker')
    setState('stopped')
  }
  return (
    <div className="try">
      <button type="button" className="button" disabled={worker !== 'shared'} onClick={stop}>
        Stop the worker
      </button>
      <p role="status">
        {worker === 'in-page' ? 'There is no worker, so this tab keeps the snapshot itself.' : workerStates[state]}
      </p>
    </div>
  )
}

const workerStates = {
  running: 'The worker keeps the snapshot. Nothing else depends on it.',
  stopped: 'Stopped. Keep recording: only the snapshot waits for a worker. The log does not.',
  'started again': 'The worker was stopped, and a new one has taken over.',
}

function Rebuild({ engine }: { readonly engine: DeparturesEngine }) {
  const [progress, setProgress] = useState<{ readonly done: number; readonly total: number }>()
  const [note, setNote] = useState('Folds the whole log into new rows. The page uses the old ones until it is done.')
  const rebuild = async (): Promise<void> => {
    const started = performance.now()
    setProgress({ done: 0, total: 1 })
    try {
      await engine.rebuild({ onProgress: setProgress })
      const seconds = ((performance.now() - started) / 1000).toFixed(1)
      setNote(`${plural(engine.status.sequence, 'event')} folded in ${seconds} s.`)
    } catch (error) {
      setNote(`Not rebuilt: ${describeError(error)}.`)
    } finally {
      setProgress(undefined)
    }
  }
  return (
    <div className="try">
      <button type="button" className="button" disabled={progress !== undefined} onClick={rebuild}>
        Rebuild the snapshot
      </button>
      {progress ? (
        <div>
          <progress value={progress.done} max={Math.max(1, progress.total)} aria-label="Rebuilding" />
          <p>
            {count(progress.done)} of {count(progress.total)}
          </p>
        </div>
      ) : (
        <p role="status">{note}</p>
      )}
    </div>
  )
}

/** Deletes the database, as a browser does to a site that seems unused, or after a crash at the wrong moment. */
function LoseDatabase({ status: { state, mirror, sequence } }: { readonly status: Props['status'] }) {
  const [note, setNote] = useState<string>()
  const lose = async (): Promise<void> => {
    setNote('The database and its snapshot were deleted while this page was open. Opening again…')
    const request = indexedDB.deleteDatabase(`tidemark:${departures.name}`)
    request.onsuccess = () => location.reload()
    request.onerror = () => setNote(`Not deleted: ${request.error?.message}`)
  }
  const upToDate = mirror.state === 'on' && mirror.sequence === sequence
  return (
    <div className="try">
      <button type="button" className="button" disabled={!upToDate || sequence === 0 || !!note} onClick={lose}>
        Delete the database
      </button>
      <p role="status">
        {note ?? (state === 'closed' ? 'This tab no longer follows the log.' : copyStates(mirror, upToDate))}
      </p>
    </div>
  )
}

function copyStates({ state, reason }: Props['status']['mirror'], upToDate: boolean): string {
  if (state === 'off')
    return reason ? `There is no second copy of the log here: ${reason}.` : 'There is no second copy yet.'
  if (!upToDate) return 'The second copy of the log, in private files of this site, is being written.'
  return 'The log is then restored from its second copy, in private files of this site.'
}
