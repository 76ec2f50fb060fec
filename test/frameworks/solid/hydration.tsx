/** @jsxImportSource solid-js */
import { For } from 'solid-js'
import { generateHydrationScript, hydrate, renderToString } from 'solid-js/web'
import { openEngine } from 'tidemark'
import { createRead, createStatus } from 'tidemark/solid'
import { runHydration, SERVED, titles } from '../scenarios/hydration.ts'
import { type RowsEngine, rowsModel } from '../scenarios/model.ts'

const Page = (props: { engine: RowsEngine }) => {
  const status = createStatus(props.engine)
  const rows = createRead(props.engine, (read) => read.rows.all())
  const served = createRead(props.engine, titles, { server: SERVED })
  return (
    <>
      <p data-sequence>{status().sequence}</p>
      <ul>
        <For each={rows()}>{(row) => <li>{row.title}</li>}</For>
      </ul>
      <p data-served>{served().join()}</p>
    </>
  )
}

export async function render(html: string): Promise<string> {
  const engine = await openEngine(rowsModel)
  const page = renderToString(() => <Page engine={engine} />)
  return html.replace('<!--server-->', page).replace('</head>', `${generateHydrationScript()}</head>`)
}

if (!import.meta.env.SSR) runHydration((page, engine) => hydrate(() => <Page engine={engine} />, page))
