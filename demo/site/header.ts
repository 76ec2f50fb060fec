import { demos } from './demos.ts'

export interface Place {
  /** From the page to the root of the site: `./`, `../` or `../../`. */
  readonly root: string
  /** The page's path from that root: `guide/history.html`, `todomvc/index.html`. */
  readonly path: string
}

export const escapeHtml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')

/** The header of every page. Its links work without a script. */
export function header({ root, path }: Place): string {
  const link = (href: string, text: string, here: boolean) =>
    `<a href="${root}${href}"${here ? ' aria-current="true"' : ''}>${text}</a>`
  const items = demos.map(
    (demo) => `<li>${link(`${demo.path}index.html`, escapeHtml(demo.title), path.startsWith(demo.path))}</li>`,
  )
  return `<a class="skip-link" href="#content">Skip to the content</a>
<header class="site-header">
  <a class="site-home" href="${root}index.html"${path === 'index.html' ? ' aria-current="page"' : ''}>
    <svg viewBox="0 0 32 32" aria-hidden="true"><path class="site-home-mark" d="M4 11h24" /><path class="site-home-sea" d="M4 21c4 0 4-3.5 8-3.5s4 3.5 8 3.5 4-3.5 8-3.5" /></svg>
    Tidemark
  </a>
  <nav class="site-nav" aria-label="Site">
    ${link('guide/index.html', 'Guide', path.startsWith('guide/'))}
    ${link('reference/index.html', 'Reference', path.startsWith('reference/'))}
    <details class="site-menu">
      <summary${demos.some((demo) => path.startsWith(demo.path)) ? ' data-here' : ''}>Demos</summary>
      <ul>${items.join('')}</ul>
    </details>
  </nav>
  <p class="site-update" role="status"></p>
  <button type="button" class="site-search" aria-keyshortcuts="/" aria-haspopup="dialog">
    <svg viewBox="0 0 16 16" aria-hidden="true"><circle cx="7" cy="7" r="4.5" /><path d="m10.5 10.5 4 4" /></svg>
    <span>Search</span> <kbd aria-hidden="true">/</kbd>
  </button>
</header>`
}
