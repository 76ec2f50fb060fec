import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { FindLink, Markdown, Rendered } from './markdown.ts'
import { readReference } from './reference.ts'

export interface Page {
  /** From the root of the site: `guide/history.html`. */
  readonly path: string
  readonly rendered: Rendered
  readonly book: Book
}

/** The guide or the reference. */
export interface Book {
  readonly title: string
  readonly groups: readonly Group[]
}

export interface Group {
  readonly title: string
  readonly pages: readonly { readonly path: string; readonly title: string }[]
}

/** A page before it is rendered. */
interface Source {
  readonly name: string
  readonly text: string
}

type Contents = readonly { readonly title: string; readonly pages: readonly string[] }[]

export const repository = fileURLToPath(new URL('../..', import.meta.url))
const demo = join(repository, 'demo')
const { repository: forge } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8'))
const forgeUrl: string | undefined = (forge?.url ?? forge)?.replace(/^git\+/, '').replace(/\.git$/, '')

/** Every page made of markdown: `guide/<name>.html` for each file in demo/guide, `reference/<entry>.html` for each entry of the package. */
export async function readPages(markdown: Markdown): Promise<readonly Page[]> {
  const reference = await readReference()
  return [
    ...renderBook(markdown, 'Guide', 'guide', readGuide(), guideContents()),
    ...renderBook(markdown, 'Reference', 'reference', reference, [
      { title: 'Entries', pages: reference.map(({ name }) => name).filter((name) => name !== 'index') },
    ]),
  ]
}

const readGuide = (): readonly Source[] =>
  readdirSync(join(demo, 'guide'))
    .filter((file) => file.endsWith('.md'))
    .map((file) => ({ name: file.slice(0, -3), text: readFileSync(join(demo, 'guide', file), 'utf8') }))

/** The groups of contents.json. A last group has the pages that it does not name, so that no page is lost. */
function guideContents(): Contents {
  const contents: Contents = JSON.parse(readFileSync(join(demo, 'guide/contents.json'), 'utf8'))
  const named = new Set(['index', ...contents.flatMap(({ pages }) => pages)])
  const others = readGuide()
    .map(({ name }) => name)
    .filter((name) => !named.has(name))
  return others.length ? [...contents, { title: 'More', pages: others }] : contents
}

function renderBook(
  markdown: Markdown,
  title: string,
  folder: 'guide' | 'reference',
  sources: readonly Source[],
  contents: Contents,
): Page[] {
  const names = new Set(['index', ...sources.map(({ name }) => name)])
  const findLink = findLinkFrom(folder, names)
  const rendered = new Map(sources.map(({ name, text }) => [name, markdown.render(text, findLink)]))
  const find = (name: string): Rendered => {
    const page = rendered.get(name)
    if (!page) throw new Error(`demo/guide/contents.json names "${name}", and there is no demo/guide/${name}.md`)
    return page
  }
  const groups = contents.map(({ title, pages }) => ({
    title,
    pages: pages.map((name) => ({ path: `${folder}/${name}.html`, title: find(name).title })),
  }))
  const book: Book = {
    title,
    groups: [{ title: '', pages: [{ path: `${folder}/index.html`, title: 'Overview' }] }, ...groups],
  }
  if (!rendered.has('index')) {
    const text = contents.map(({ title, pages }) => {
      const lines = pages.map(
        (name) => `- [**${find(name).title}**](${name}.md)  \n  ${firstSentence(find(name).description)}`,
      )
      return `## ${title}\n\n${lines.join('\n')}`
    })
    rendered.set('index', markdown.render(`# ${title}\n\n${text.join('\n\n')}\n`, findLink))
  }
  return [...rendered].map(([name, rendered]) => ({ path: `${folder}/${name}.html`, rendered, book }))
}

const firstSentence = (text: string): string => /^.+?[.:?!](?=\s|$)/.exec(text)?.[0].replace(/:$/, '.') ?? text

/** `other.md` is a page beside this one, `../todomvc` a demo, `../../test` a file of the repository. */
const findLinkFrom =
  (folder: string, names: ReadonlySet<string>): FindLink =>
  (href) => {
    const [path = '', anchor] = href.split('#')
    const hash = anchor ? `#${anchor}` : ''
    const target = posix.normalize(posix.join('demo', folder, path))
    const [, ofBook, name = ''] = /^demo\/(guide|reference)\/([^/]+)\.md$/.exec(target) ?? []
    if (ofBook === folder && names.has(name)) return `${name}.html${hash}`
    if (ofBook) return `../${ofBook}/${name}.html${hash}`
    const [, demoFolder] = /^demo\/(?:([\w/-]+?)\/?)?(?:index\.html)?$/.exec(target) ?? []
    if (demoFolder && existsSync(join(demo, demoFolder, 'index.html'))) return `../${demoFolder}/index.html${hash}`
    return forgeUrl && `${forgeUrl}/blob/main/${target}${hash}`
  }
