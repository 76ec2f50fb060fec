import { escapeHtml } from './header.ts'
import type { Heading } from './markdown.ts'
import type { Book, Page } from './pages.ts'

/** A page of the guide or the reference, without the site's header, which is added later. */
export function layout({ path, rendered, book }: Page): string {
  const { title, description, html, headings } = rendered
  const pages = book.groups.flatMap(({ pages }) => pages)
  const here = pages.findIndex((page) => page.path === path)
  const name = title === book.title ? `${book.title} · Tidemark` : `${title} · ${book.title} · Tidemark`
  const shown = description.length > 160 ? `${description.slice(0, 159)}…` : description
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="color-scheme" content="light dark" />
    <meta name="description" content="${escapeHtml(shown)}" />
    <title>${escapeHtml(name)}</title>
    <link rel="icon" href="../ui/icon.svg" type="image/svg+xml" />
    <link rel="stylesheet" href="../ui/theme.css" />
    <link rel="stylesheet" href="../ui/page.css" />
    <link rel="stylesheet" href="../site/code.css" />
    <link rel="stylesheet" href="../site/docs.css" />
  </head>
  <body class="docs">
    <div class="docs-columns">
      ${bookContents(book, path)}
      <main class="article" id="content" data-book="${escapeHtml(book.title)}">
        ${html}
        <nav class="neighbours" aria-label="Previous and next page">
          ${neighbour(pages[here - 1], 'Previous', 'prev')}
          ${neighbour(pages[here + 1], 'Next', 'next')}
        </nav>
      </main>
      ${path.endsWith('/index.html') ? '' : pageContents(headings)}
    </div>
  </body>
</html>
`
}

const fileOf = (path: string): string => path.slice(path.indexOf('/') + 1)

function bookContents(book: Book, path: string): string {
  const group = ({ title, pages }: Book['groups'][number]) => `
        ${title && `<h2>${escapeHtml(title)}</h2>`}
        <ul>${pages
          .map(
            (page) =>
              `<li><a href="${fileOf(page.path)}"${page.path === path ? ' aria-current="page"' : ''}>${escapeHtml(page.title)}</a></li>`,
          )
          .join('')}</ul>`
  return `<nav class="book" aria-label="${escapeHtml(book.title)}">
        <button type="button" class="book-toggle" aria-expanded="false">${escapeHtml(book.title)}: all pages</button>
        <div class="book-pages">${book.groups.map(group).join('')}</div>
      </nav>`
}

function pageContents(headings: readonly Heading[]): string {
  const shown = headings.filter(({ level }) => level <= 3)
  if (shown.length < 2) return ''
  const items = shown.map(
    ({ level, text, anchor }) => `<li data-level="${level}"><a href="#${anchor}">${escapeHtml(text)}</a></li>`,
  )
  return `<nav class="on-page" aria-labelledby="on-page-title">
        <h2 id="on-page-title">On this page</h2>
        <ul>${items.join('')}</ul>
      </nav>`
}

const neighbour = (page: { readonly path: string; readonly title: string } | undefined, label: string, rel: string) =>
  page
    ? `<a rel="${rel}" href="${fileOf(page.path)}"><span>${label}</span> ${escapeHtml(page.title)}</a>`
    : '<span></span>'
