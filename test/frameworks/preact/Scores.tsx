/** @jsxImportSource preact */
import type { TargetedSubmitEvent } from 'preact'
import type { EngineOf } from 'tidemark'
import { useRead, useStatus } from 'tidemark/preact'
import type { scoresApp } from './scores.ts'

interface Props {
  engine: EngineOf<typeof scoresApp>
}

export function Scores({ engine }: Props) {
  const ranking = useRead(engine, (read) => [...read.players.all()].sort((a, b) => b.points - a.points))
  const { pending } = useStatus(engine)
  const join = (submitted: TargetedSubmitEvent<HTMLFormElement>) => {
    submitted.preventDefault()
    engine.dispatch.join({ name: String(new FormData(submitted.currentTarget).get('name')).trim() })
    submitted.currentTarget.reset()
  }
  return (
    <main>
      <h1>Scores</h1>
      <form onSubmit={join}>
        <label>
          Player <input name="name" required autoComplete="off" />
        </label>
        <button type="submit">Join</button>
      </form>
      <ul>
        {ranking.map(({ id, name, points }) => (
          <li key={id}>
            {name}: {points}{' '}
            {[1, 5].map((gain) => (
              <button key={gain} type="button" onClick={() => engine.dispatch.score({ id, points: gain })}>
                +{gain}
              </button>
            ))}
          </li>
        ))}
      </ul>
      <p role="status">{pending ? 'Saving' : 'Saved'}</p>
    </main>
  )
}
