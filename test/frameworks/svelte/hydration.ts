import { hydrate } from 'svelte'
import { openEngine } from 'tidemark'
import { runHydration } from '../scenarios/hydration.ts'
import { rowsModel } from '../scenarios/model.ts'
import HydratedPage from './HydratedPage.svelte'

export async function render(html: string): Promise<string> {
  const { render } = await import('svelte/server')
  const { body, head } = await render(HydratedPage, { props: { engine: await openEngine(rowsModel) } })
  return html.replace('<!--server-->', body).replace('</head>', `${head}</head>`)
}

if (!import.meta.env.SSR) runHydration((target, engine) => hydrate(HydratedPage, { target, props: { engine } }))
