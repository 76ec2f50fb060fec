import type { Options } from 'minisearch'

export interface Found {
  /** From the root of the site. */
  readonly url: string
  readonly title: string
  /** The book and the page that the section is in. */
  readonly page: string
  readonly excerpt: string
}

/** The options of the index. The build and the browser must use the same options. */
export const searchOptions: Options = {
  fields: ['title', 'page', 'text'],
  storeFields: ['url', 'title', 'page', 'excerpt'] satisfies (keyof Found)[],
  searchOptions: { prefix: true, fuzzy: 0.15, combineWith: 'AND', boost: { title: 4, page: 1.5 } },
}
