import { readFileSync } from 'node:fs'
import { join, posix, relative, sep } from 'node:path'
import type { Plugin } from 'vite'
import { demos } from './demos.ts'
import { escapeHtml, header } from './header.ts'
import { layout } from './layout.ts'
import { createMarkdown, type Markdown } from './markdown.ts'
import { type Page, readPages, repository } from './pages.ts'
import { searchIndex } from './searchIndex.ts'

const demo = join(repository, 'demo')
const indexId = 'virtual:search-index'

/**
 * Makes pages of the guide and the reference, which exist only as markdown, and puts the site's header on every page.
 * - `guide/<name>.html`: demo/guide/<name>.md, in the order of demo/guide/contents.json; `guide/index.html` lists them.
 * - `reference/<entry>.html`: an entry of the package (`tidemark.html`, `react.html`, …); `reference/index.html` lists all exports.
 * - In any page, `<!-- code: live/todos.ts -->` becomes that file of demo/, highlighted, and
 *   `<!-- demos -->` a card per demo. `<html data-bare>` has no header.
 */
export async function site(): Promise<Plugin> {
  const markdown = await createMarkdown()
  let pages = await readPages(markdown)
  const idOf = (path: string) => join(demo, path).split(sep).join('/')
  const find = (id: string): Page | undefined => pages.find(({ path }) => idOf(path) === id)
  return {
    name: 'tidemark-site',
    config: () => ({ build: { rolldownOptions: { input: pages.map(({ path }) => idOf(path)) } } }),
    resolveId: (id) => (id === indexId ? `\0${indexId}` : find(id) && id),
    load(id) {
      if (id === `\0${indexId}`) return `export default ${JSON.stringify(searchIndex(pages))}`
      const page = find(id)
      return page && layout(page)
    },
    transformIndexHtml: {
      order: 'pre',
      handler: (html, { filename }) => dress(html, relative(demo, filename).split(sep).join('/'), markdown),
    },
    configureServer(server) {
      server.watcher.add(join(demo, 'guide'))
      server.watcher.on('all', async (_, file) => {
        if (!/demo[\\/]guide[\\/][^\\/]+\.(md|json)$/.test(file)) return
        pages = await readPages(markdown)
        server.ws.send({ type: 'full-reload' })
      })
      server.middlewares.use(async (request, response, next) => {
        const { pathname } = new URL(request.url ?? '/', 'http://site')
        const page = pages.find(({ path }) => `/${path}` === pathname.replace(/\/$/, '/index.html'))
        if (!page) return next()
        response.setHeader('content-type', 'text/html; charset=utf-8')
        response.end(await server.transformIndexHtml(`/${page.path}`, layout(page)))
      })
    },
  }
}

/** Adds the header, its style and its script to a page. */
function dress(html: string, path: string, markdown: Markdown): string {
  const withCode = html.replace(/<!-- code: (\S+) -->/g, (_, file: string) =>
    markdown.highlight(readFileSync(join(demo, file), 'utf8').trimEnd(), file.split('.').at(-1) ?? ''),
  )
  if (/<html[^>]* data-bare/.test(html)) return withCode
  const cards = demos.map(
    ({ path, title, about }) =>
      `<a class="demo" href="./${path}index.html"><strong>${escapeHtml(title)}</strong> <span>${escapeHtml(about)}</span></a>`,
  )
  const root = posix.relative(posix.dirname(path), '.') || '.'
  return withCode
    .replace('<!-- demos -->', cards.join('\n'))
    .replace(
      '</head>',
      `  <link rel="stylesheet" href="${root}/site/site.css" />\n    <script type="module" src="${root}/site/client/site.ts"></script>\n  </head>`,
    )
    .replace(/<body[^>]*>/, (body) => `${body}\n${header({ root: `${root}/`, path })}`)
}
