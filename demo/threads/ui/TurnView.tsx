import { memo, useDeferredValue } from 'react'
import { useDraft } from 'tidemark/react'
import type { ThreadsEngine } from '../engine.ts'
import { numberOf } from '../model/ids.ts'
import type { Touched, Turn } from '../model/turns.ts'
import { Icon } from './Icon.tsx'
import { Markdown } from './Markdown.tsx'
import { stopTurn } from './stopTurn.ts'
import { exactly, lasting, remaining } from './times.ts'
import { useNow } from './useNow.ts'
import { toTurn } from './useRoute.ts'

interface Props {
  readonly engine: ThreadsEngine
  readonly turn: Readonly<Turn>
  /** Whether the changes of the turn are shown next to the thread. */
  readonly shown: boolean
  readonly retry?: (() => void) | undefined
}

export const TurnView = memo(function TurnView({ engine, turn, shown, retry }: Props) {
  const { prompt, text, state, touched, approval } = turn
  return (
    <li className="turn" data-state={state} data-shown={shown || undefined} aria-label={`Turn ${numberOf(turn.id)}`}>
      <div className="prompt">
        <span className="visually-hidden">You: </span>
        {prompt}
      </div>
      <div className="reply">
        <span className="visually-hidden">Assistant: </span>
        {text && <Markdown text={text} />}
        {state === 'open' && <Live engine={engine} turn={turn} />}
        {state === 'waiting' && approval && <Approval engine={engine} turn={turn} approval={approval} />}
        {approval?.answer && <p className="turn-note">{answers[approval.answer](approval.path)}</p>}
        {touched.length > 0 && <Changes turn={turn} shown={shown} />}
        {state !== 'open' && state !== 'waiting' && <Ending turn={turn} retry={retry} />}
      </div>
    </li>
  )
})

const answers = {
  granted: (path: string) => `You allowed it to delete ${path}.`,
  denied: (path: string) => `You kept ${path}.`,
  expired: (path: string) => `There was no answer in time, so ${path} was kept.`,
} as const

/** Shows the answer so far, from its draft. It becomes an event when the turn ends. */
function Live({ engine, turn }: { readonly engine: ThreadsEngine; readonly turn: Readonly<Turn> }) {
  const reply = useDraft(engine.drafts.reply, turn.id)
  // A long text renders again as it grows, but key presses come first.
  const text = useDeferredValue(reply?.text)
  return (
    // Screen readers read the whole text once, not each word.
    <div className="live" aria-live="off">
      {text && <Markdown text={text} />}
      <p className="working">
        <span className="thread-dot" aria-hidden="true" /> {reply ? 'Working' : 'Waiting for its turn'}
        <button type="button" className="plain" onClick={() => stopTurn(engine, turn.id)}>
          Stop
        </button>
      </p>
    </div>
  )
}

function Approval({
  engine,
  turn,
  approval,
}: {
  readonly engine: ThreadsEngine
  readonly turn: Readonly<Turn>
  readonly approval: NonNullable<Turn['approval']>
}) {
  const now = useNow(1000)
  const answer = (granted: boolean) => (): void => {
    engine.dispatch.answerApproval({ id: turn.id, granted })
  }
  return (
    <section className="approval" aria-label="Approval">
      <p>
        <strong>
          Delete <code>{approval.path}</code>?
        </strong>{' '}
        <span className="quiet">The turn can be reverted afterwards.</span>
      </p>
      <p className="approval-ways">
        <button type="button" className="button button-main" onClick={answer(true)}>
          Delete
        </button>
        <button type="button" className="button" onClick={answer(false)}>
          Keep it
        </button>
        <span className="quiet">
          Ends in <time>{remaining(approval.expires - now)}</time>
        </span>
      </p>
    </section>
  )
}

const marks: Readonly<Record<Touched['what'], string>> = {
  written: '',
  renamed: 'renamed',
  moved: '',
  removed: 'deleted',
  reverted: 'reverted',
}

function Changes({ turn, shown }: { readonly turn: Readonly<Turn>; readonly shown: boolean }) {
  return (
    <a className="changes" href={toTurn(turn.threadId, numberOf(turn.id))} aria-current={shown ? 'true' : undefined}>
      <span className="visually-hidden">What this turn changed: </span>
      {turn.touched
        .filter(({ what }) => what !== 'moved')
        .map(({ path, what, added, removed }) => (
          <span key={path} className="change">
            <code>{path}</code>
            {marks[what] && <span className="quiet">{marks[what]}</span>}
            {added > 0 && <span className="added">+{added}</span>}
            {removed > 0 && <span className="removed">−{removed}</span>}
          </span>
        ))}
      <Icon name="next" />
    </a>
  )
}

const endings: Readonly<Record<string, string>> = {
  stopped: 'Stopped',
  interrupted: 'Interrupted: the tab or worker that answered was closed',
  failed: 'Failed',
}

function Ending({ turn, retry }: { readonly turn: Readonly<Turn>; readonly retry: (() => void) | undefined }) {
  const { state, reason, requested, ended } = turn
  const took = ended !== null && ended > requested ? lasting(ended - requested) : ''
  return (
    <p className="ending" data-state={state}>
      {state === 'finished' ? (
        <time dateTime={new Date(requested).toISOString()} title={exactly(requested)}>
          {took || exactly(requested)}
        </time>
      ) : (
        <>
          <strong>{endings[state]}</strong>
          {reason && <span>: {reason}</span>}
          {retry && (
            <button type="button" className="plain" onClick={retry}>
              Try again
            </button>
          )}
        </>
      )}
    </p>
  )
}
