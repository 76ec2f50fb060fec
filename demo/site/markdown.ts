import type { MarkdownIt, Token } from 'markdown-it'
import type { Highlighter } from 'shiki'

export interface Heading {
  readonly level: number
  readonly text: string
  readonly anchor: string
}

/** A heading with the plain text below it, as the search index has it. */
export interface Section {
  readonly anchor: string
  readonly title: string
  readonly text: string
}

export interface Rendered {
  readonly title: string
  /** The first paragraph, as plain text. */
  readonly description: string
  readonly html: string
  readonly headings: readonly Heading[]
  readonly sections: readonly Section[]
}

/** The target of a page's link on the site. `undefined`: the site does not have that file, so only the text of the link is shown. */
export type FindLink = (href: string) => string | undefined

export interface Markdown {
  render(text: string, findLink: FindLink): Rendered
  /** Code as HTML with a class per kind of token: a strict content policy refuses inline styles. */
  highlight(code: string, language: string): string
}

const languages = ['ts', 'tsx', 'js', 'jsx', 'json', 'sh', 'html', 'css', 'vue', 'svelte', 'http', 'diff']

/** The deepest level of a heading that starts a section. A search result with the title "Example" would say nothing. */
const DEEPEST = 3

/** The anchor that GitHub gives a heading, so that links work in both places. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-')

/** Creates the renderer. Its packages load when the site is built, not when tests read vite.config.ts. */
export async function createMarkdown(): Promise<Markdown> {
  const [{ default: MarkdownIt }, { createCssVariablesTheme, createHighlighter }] = await Promise.all([
    import('markdown-it'),
    import('shiki'),
  ])
  const theme = createCssVariablesTheme({ name: 'site', variablePrefix: '--' })
  const highlighter = await createHighlighter({ themes: [theme], langs: languages })
  const highlight = (code: string, language: string) => highlightCode(highlighter, code, language)
  const markdown = new MarkdownIt({ html: true, linkify: false })
  addRules(markdown, highlight)
  return {
    highlight,
    render(text, findLink) {
      const env = {
        findLink,
        anchors: new Map<string, number>(),
        headings: [] as Heading[],
        sections: [] as Section[],
        title: '',
        description: '',
      } satisfies Env
      const html = markdown.render(text, env)
      return { ...env, html }
    },
  }
}

interface Env {
  readonly findLink: FindLink
  /** The number of headings with each anchor: GitHub adds a number to an anchor that is used again. */
  readonly anchors: Map<string, number>
  readonly headings: Heading[]
  readonly sections: Section[]
  title: string
  description: string
}

function highlightCode(highlighter: Highlighter, code: string, language: string): string {
  return highlighter.codeToHtml(code, {
    lang: languages.includes(language) ? language : 'text',
    theme: 'site',
    transformers: [
      {
        name: 'a class instead of a style',
        pre: ({ properties }) => {
          properties.style = undefined
          properties.class = 'code'
        },
        span: ({ properties }) => {
          const kind = /--token-([\w-]+)/.exec(`${properties.style}`)?.[1]
          properties.style = undefined
          properties.class = kind && `code-${kind}`
        },
      },
    ],
  })
}

function addRules(markdown: MarkdownIt, highlight: Markdown['highlight']): void {
  const { rules } = markdown.renderer
  const { escapeHtml } = markdown.utils

  /** `ts todos.ts`: the first word is the language, a word with a dot in it a file. */
  rules.fence = (tokens, index) => {
    const { info = '', content = '' } = tokens[index] ?? {}
    const [language = '', ...words] = info.trim().split(/\s+/)
    const file = words.find((word) => /\w\.\w/.test(word))
    return `<figure class="snippet">${file ? `<figcaption>${escapeHtml(file)}</figcaption>` : ''}${highlight(content.trimEnd(), language)}</figure>\n`
  }

  rules.table_open = () => '<div class="table" role="group" aria-label="Table" tabindex="0"><table>\n'
  rules.table_close = () => '</table></div>\n'
  // The empty corner of a table is no header, so it becomes a plain cell.
  rules.th_open = (tokens, index, options, _, self) =>
    tokens[index + 1]?.content ? self.renderToken(tokens, index, options) : '<td>'
  rules.th_close = (tokens, index) => (tokens[index - 1]?.content ? '</th>' : '</td>')

  markdown.core.ruler.push('site', (state) => {
    markLongColumns(state.tokens)
    readTokens(state.tokens, state.env as unknown as Env)
  })

  rules.heading_close = (tokens, index, options, _, self) => {
    const { anchor, text, level } = (tokens[index - 2]?.meta ?? {}) as Partial<Heading>
    const link =
      anchor && level !== 1
        ? ` <a class="anchor" href="#${anchor}" aria-label="Link to “${escapeHtml(text ?? '')}”">#</a>`
        : ''
    return `${link}${self.renderToken(tokens, index, options)}`
  }

  // A link to a file that the site does not have becomes a span, with the path as its title.
  rules.link_open = (tokens, index, options, _, self) => {
    const file = fileOf(tokens[index])
    return file ? `<span class="file" title="${escapeHtml(file)}">` : self.renderToken(tokens, index, options)
  }
  rules.link_close = (tokens, index, options, _, self) => {
    // Links can't be nested, so this closes the link that was opened last.
    const opened = tokens.slice(0, index).findLast(({ type }) => type === 'link_open')
    return fileOf(opened) ? '</span>' : self.renderToken(tokens, index, options)
  }
}

/** A column with a cell of more characters gets room for a few words per line. */
const LONG_CELL = 24

/** Marks the cells of columns with sentences. A browser would make such a column as narrow as its longest word, beside wider columns. */
function markLongColumns(tokens: readonly Token[]): void {
  const isLong = (cell: number): boolean => plain(tokens[cell + 1]?.children ?? []).length > LONG_CELL
  let columns: number[][] = []
  let column = 0
  tokens.forEach(({ type }, index) => {
    if (type === 'table_open') columns = []
    else if (type === 'tr_open') column = 0
    else if (type === 'th_open' || type === 'td_open') {
      columns[column] ??= []
      columns[column++]?.push(index)
    } else if (type === 'table_close')
      for (const cells of columns.filter((cells) => cells.some(isLong)))
        for (const cell of cells) tokens[cell]?.attrJoin('class', 'long')
  })
}

/** Sets the anchors of headings and the targets of links, and collects the sections and headings of the page. */
function readTokens(tokens: readonly Token[], env: Env): void {
  let section = { anchor: '', title: '', text: '' }
  const sections = [section]
  tokens.forEach((token, index) => {
    const children = tokens[index + 1]?.children ?? []
    if (token.type === 'heading_open') {
      const text = plain(children)
      const anchor = uniqueAnchor(text, env.anchors)
      const level = Number(token.tag.slice(1))
      if (level === 1) env.title ||= text
      else env.headings.push({ level, text, anchor })
      token.attrSet('id', anchor)
      token.meta = { anchor, text, level } satisfies Heading
      if (level === 1) section.title = text
      else if (level <= DEEPEST) {
        section = { anchor, title: text, text: '' }
        sections.push(section)
      } else section.text += `${text} `
    } else if (token.type === 'paragraph_open') {
      env.description ||= plain(children)
    } else if (token.type === 'inline' && tokens[index - 1]?.type !== 'heading_open') {
      section.text += `${plain(token.children ?? [])} `
    }
    for (const child of token.children ?? []) if (child.type === 'link_open') followLink(child, env.findLink)
  })
  env.sections.push(...sections.map(({ text, ...rest }) => ({ ...rest, text: text.replace(/\s+/g, ' ').trim() })))
}

const fileOf = (link: Token | undefined): string => `${link?.meta?.file ?? ''}`

function uniqueAnchor(text: string, given: Env['anchors']): string {
  const anchor = anchorOf(text)
  const before = given.get(anchor) ?? 0
  given.set(anchor, before + 1)
  return before ? `${anchor}-${before}` : anchor
}

const plain = (tokens: readonly Token[]): string =>
  tokens
    .map(({ type, content }) => (/^(text|code_inline)$/.test(type) ? content : type === 'softbreak' ? ' ' : ''))
    .join('')

function followLink(link: Token, findLink: FindLink): void {
  const href = String(link.attrGet('href'))
  if (/^(#|\w+:)/.test(href)) return
  const found = findLink(href)
  if (found) link.attrSet('href', found)
  else link.meta = { file: `${href.replace(/^(\.\.\/)+/, '')} in the repository` }
}
