import MarkdownIt from 'markdown-it'
import { memo } from 'react'

/** HTML is off, so the text of an assistant can't add elements to the page. */
const markdown = new MarkdownIt({ html: false, linkify: false, breaks: true }).disable('image')
// Headings of an answer must not be headings of the page.
for (const [type, tag] of [
  ['heading_open', '<p class="said-heading">'],
  ['heading_close', '</p>'],
] as const)
  markdown.renderer.rules[type] = () => tag
// Code may be wider than the thread, so it scrolls by keyboard too.
markdown.renderer.rules.fence = (tokens, at) =>
  `<pre tabindex="0" aria-label="Code"><code>${markdown.utils.escapeHtml(tokens[at]!.content)}</code></pre>`

export const Markdown = memo(function Markdown({ text }: { readonly text: string }) {
  // biome-ignore lint/security/noDangerouslySetInnerHtml: markdown-it escapes everything
  return <div className="said" dangerouslySetInnerHTML={{ __html: markdown.render(text) }} />
})
