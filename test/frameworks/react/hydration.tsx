import { hydrateRoot } from 'react-dom/client'
import { openEngine } from 'tidemark'
import { useRead, useStatus } from 'tidemark/react'
import { runHydration, SERVED, titles } from '../scenarios/hydration.ts'
import { type RowsEngine, rowsModel } from '../scenarios/model.ts'

const Page = ({ engine }: { engine: RowsEngine }) => {
  const { sequence } = useStatus(engine)
  const rows = useRead(engine, (read) => read.rows.all())
  const served = useRead(engine, titles, { server: SERVED })
  return (
    <>
      <p data-sequence>{sequence}</p>
      <ul>
        {rows.map(({ id, title }) => (
          <li key={id}>{title}</li>
        ))}
      </ul>
      <p data-served>{served.join()}</p>
    </>
  )
}

export async function render(html: string): Promise<string> {
  const { renderToString } = await import('react-dom/server')
  return html.replace('<!--server-->', renderToString(<Page engine={await openEngine(rowsModel)} />))
}

if (!import.meta.env.SSR) runHydration((page, engine) => hydrateRoot(page, <Page engine={engine} />))
