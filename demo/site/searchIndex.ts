import MiniSearch from 'minisearch'
import type { Page } from './pages.ts'
import { type Found, searchOptions } from './searchOptions.ts'

/** Characters of a section that a result shows. */
const EXCERPT = 140

/** The index of every section of every page, as text that the search loads. */
export function searchIndex(pages: readonly Page[]): string {
  const index = new MiniSearch<Found & { id: string; text: string }>(searchOptions)
  for (const { path, rendered, book } of pages) {
    // Leaves out the overviews, which repeat what other pages say.
    if (path.endsWith('/index.html')) continue
    for (const { anchor, title, text } of rendered.sections) {
      const url = anchor ? `${path}#${anchor}` : path
      const page = anchor ? `${book.title} · ${rendered.title}` : book.title
      const excerpt = text.length > EXCERPT ? `${text.slice(0, EXCERPT).replace(/\s\S*$/, '')} …` : text
      index.add({ id: url, url, title, page, text, excerpt })
    }
  }
  return JSON.stringify(index)
}
