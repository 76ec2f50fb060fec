import { runHydration } from '../scenarios/hydration.ts'

async function defineElement() {
  const { HydratedPage } = await import('./HydratedPage.ts')
  customElements.define('hydrated-page', HydratedPage)
  return HydratedPage
}

export async function render(page: string): Promise<string> {
  await defineElement()
  const { html } = await import('lit')
  const { render } = await import('@lit-labs/ssr')
  const { collectResult } = await import('@lit-labs/ssr/lib/render-result.js')
  return page.replace('<!--server-->', await collectResult(render(html`<hydrated-page></hydrated-page>`)))
}

if (!import.meta.env.SSR)
  runHydration(async (page, engine) => {
    // This module has to run before `lit`. A bundler may move an import that is not awaited.
    await import('@lit-labs/ssr-client/lit-element-hydrate-support.js')
    const shown = page.firstElementChild as InstanceType<Awaited<ReturnType<typeof defineElement>>>
    await defineElement()
    // The first update hydrates the HTML of the server. It fails if it renders other rows.
    await shown.updateComplete
    shown.engine = engine
  })
