import { mkdirSync, writeFileSync } from 'node:fs'
import { render as renderLit } from '@lit-labs/ssr'
import { collectResult } from '@lit-labs/ssr/lib/render-result.js'
import { html, LitElement, type TemplateResult } from 'lit'
import { h as createPreact } from 'preact'
import { renderToString as renderPreact } from 'preact-render-to-string'
import { createElement } from 'react'
import { renderToString as renderReact } from 'react-dom/server'
import { renderToString as renderSolid } from 'solid-js/web'
import { compile } from 'svelte/compiler'
import { render as renderSvelte } from 'svelte/server'
import { type EngineOf, openEngine } from 'tidemark'
import * as lit from 'tidemark/lit'
import * as preact from 'tidemark/preact'
import * as react from 'tidemark/react'
import * as solid from 'tidemark/solid'
import * as vue from 'tidemark/vue'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createSSRApp, h } from 'vue'
import { renderToString as renderVue } from 'vue/server-renderer'
import { todoApp } from '../react/app.ts'
import { folderOf } from './folder.ts'

// Node, as on a server: no window, no IndexedDB.
let engine: EngineOf<typeof todoApp>
beforeEach(async () => {
  engine = await openEngine(todoApp)
})
afterEach(() => engine.close())

const titles = (read: typeof engine.read) => read.todos.all().map(({ title }) => title)
const line = (status: { readonly storage: string; readonly sequence: number }, shown: readonly string[]) =>
  `${status.sequence} ${status.storage} ${shown.length} ${shown}`

type Render = (server?: readonly string[]) => Promise<string> | string
const renders: Record<string, Render> = {
  react: (server) => {
    const App = () =>
      createElement(
        'p',
        null,
        line(react.useStatus(engine), react.useRead(engine, titles, server && { server: [...server] })),
      )
    return renderReact(createElement(App))
  },
  vue: (server) =>
    renderVue(
      createSSRApp(() => {
        const status = vue.useStatus(engine)
        const shown = vue.useRead(engine, titles, server && { server: [...server] })
        return h('p', line(status.value, shown.value))
      }),
    ),
  preact: (server) => {
    const App = () =>
      createPreact(
        'p',
        null,
        line(preact.useStatus(engine), preact.useRead(engine, titles, server && { server: [...server] })),
      )
    return renderPreact(createPreact(App, null))
  },
  solid: (server) =>
    `<p>${renderSolid(() => {
      const status = solid.createStatus(engine)
      const shown = solid.createRead(engine, titles, server && { server: [...server] })
      return line(status(), shown())
    })}</p>`,
}

test.each(Object.keys(renders))(
  '%s renders the empty log on a server, or what the server has, and leaves no listener',
  async (name) => {
    const render = renders[name] as Render
    let listeners = 0
    const { subscribe } = engine
    const opened = engine
    engine = Object.create(opened, {
      subscribe: {
        value: (listener: () => void) => {
          listeners++
          return subscribe(listener)
        },
      },
    })
    expect(await render()).toBe('<p>0 memory 0 </p>')
    expect(await render(['a', 'b'])).toBe('<p>0 memory 2 a,b</p>')
    expect(listeners).toBe(0)
    engine = opened
  },
)

test('svelte renders the empty log on a server', async () => {
  const source = `
    <script>
      import { fromRead, fromStatus } from 'tidemark/svelte'
      const { engine } = $props()
      const status = fromStatus(engine)
      const todos = fromRead(engine, (read) => read.todos.all())
    </script>
    <p>{status.current.sequence} {status.current.storage} {todos.current.length}</p>
    {#each todos.current as todo (todo.id)}<b>{todo.title}</b>{/each}`
  const { js } = compile(source, { generate: 'server', filename: 'App.svelte' })
  const folder = folderOf('svelte')
  mkdirSync(folder, { recursive: true })
  writeFileSync(`${folder}/App.js`, js.code)
  const { default: App } = await import(`${folder}/App.js`)
  const { body } = renderSvelte(App, { props: { engine } })
  expect(body.replace(/<!--.*?-->/g, '').trim()).toBe('<p>0 memory 0</p>')
})

test('lit renders the rows of the engine on the server, and leaves no listener', async () => {
  let listeners = 0
  const { subscribe } = engine
  const watched = Object.create(engine, {
    subscribe: {
      value: (listener: () => void) => {
        listeners++
        return subscribe(listener)
      },
    },
  }) as typeof engine
  class Titles extends LitElement {
    readonly #status = new lit.StatusController(this, watched)
    readonly #titles = new lit.ReadController(this, watched, titles)
    override render(): TemplateResult {
      return html`<p>${line(this.#status.value, this.#titles.value)}</p>`
    }
  }
  customElements.define('server-titles', Titles)
  const rendered = async () =>
    (await collectResult(renderLit(html`<server-titles></server-titles>`))).replace(/<!--.*?-->/g, '')
  expect(await rendered()).toContain('<p>0 memory 0 </p>')
  expect(listeners).toBe(0)
})
