import { openEngine } from 'tidemark'
import { createSSRApp } from 'vue'
import { runHydration } from '../scenarios/hydration.ts'
import { rowsModel } from '../scenarios/model.ts'
import HydratedPage from './HydratedPage.vue'

export async function render(html: string): Promise<string> {
  const { renderToString } = await import('vue/server-renderer')
  const page = await renderToString(createSSRApp(HydratedPage, { engine: await openEngine(rowsModel) }))
  return html.replace('<!--server-->', page)
}

if (!import.meta.env.SSR) runHydration((page, engine) => createSSRApp(HydratedPage, { engine }).mount(page))
