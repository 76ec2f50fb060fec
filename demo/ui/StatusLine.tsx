import { useEffect, useState, useSyncExternalStore } from 'react'
import type { Engine, Status } from 'tidemark'
import { useStatus } from 'tidemark/react'
import { describeError } from './describeError.ts'
import { type Description, describeStatus } from './describeStatus.ts'
import { devtoolsFailure, openDevtools } from './devtools.ts'
import { count } from './format.ts'

const workers: Record<Status['worker'], string> = { shared: 'shared', 'in-page': 'in this page', none: 'none' }

export function StatusLine({ engine }: { readonly engine: Engine<any, any, any> }) {
  return <StatusBar status={useStatus(engine)} />
}

export function StatusBar({ status }: { readonly status: Status }) {
  const rejection = useRejection()
  const devtools = useSyncExternalStore(devtoolsFailure.subscribe, devtoolsFailure.get)
  const { tone, sentence } = rejection ?? devtools ?? describeStatus(status, performance.timeOrigin)
  return (
    <aside className="status" data-tone={tone} data-state={status.state} aria-label="Status of the log">
      <div className="status-text">
        <p className="status-sentence" role="status">
          {sentence}
        </p>
        <dl>
          <Fact name="sequence" value={count(status.sequence)} />
          <Fact name="pending" value={count(status.pending)} />
          <Fact name="projected" value={count(status.projected)} />
          <Fact name="worker" value={workers[status.worker]} />
          <Fact name="storage" value={status.storage} />
          {status.storage !== 'memory' && <Fact name="second copy" value={status.mirror.state} />}
        </dl>
      </div>
      <div className="status-actions">
        <button type="button" className="status-devtools" title="Ctrl+Shift+D" onClick={openDevtools}>
          Devtools
        </button>
        <StatusHelp />
      </div>
    </aside>
  )
}

const words: readonly (readonly [word: string, meaning: string])[] = [
  ['sequence', 'the last event of the log that this tab has'],
  ['pending', 'commands that are shown here but not on disk yet'],
  ['projected', 'the last event in the saved snapshot; the next tab starts from it'],
  ['worker', 'what saves the snapshot: a worker that all tabs share, or this page'],
  ['storage', 'best-effort: the browser may delete it when space is short; persistent: only you can'],
  ['second copy', 'a copy of the log in private files of this site, in case the browser loses the database'],
]

/** Explains the words in the line. */
function StatusHelp() {
  return (
    <details className="status-help">
      <summary>Explain</summary>
      <dl>
        {words.map(([word, meaning]) => (
          <div key={word}>
            <dt>{word}</dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
    </details>
  )
}

function Fact({ name, value }: { readonly name: string; readonly value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd data-fact={name}>{value}</dd>
    </div>
  )
}

/** Reports a rejected dispatch that no code handles. It is shown for a while, because its change has just disappeared. */
function useRejection(): Description | undefined {
  const [rejection, setRejection] = useState<Description>()
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout>
    const show = ({ reason }: PromiseRejectionEvent): void => {
      setRejection({ tone: 'bad', sentence: `The change was not saved and has been undone: ${describeError(reason)}.` })
      clearTimeout(timer)
      timer = setTimeout(setRejection, 8000, undefined)
    }
    addEventListener('unhandledrejection', show)
    return () => {
      removeEventListener('unhandledrejection', show)
      clearTimeout(timer)
    }
  }, [])
  return rejection
}
