import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseAst } from 'rolldown/parseAst'
import { expect, it } from 'vitest'
import { root } from './run.ts'

/** The lines of `html`, `css` and `svg` templates that look like comments. A template shows them as text. */
function commentsInTemplates(code: string): string[] {
  const found: string[] = []
  function walk(node: any): void {
    if (typeof node !== 'object' || node === null) return
    if (node.type === 'TaggedTemplateExpression' && ['html', 'css', 'svg'].includes(node.tag.name))
      for (const { value } of node.quasi.quasis) found.push(...(value.raw.match(/^\s*\/\/ .*/gm) ?? []))
    for (const child of Object.values(node)) walk(child)
  }
  walk(parseAst(code, { lang: 'ts' }).body)
  return found.map((line) => line.trim())
}

it('no template of the devtools shows a comment as text', () => {
  const folder = join(root, 'src/devtools')
  const found = readdirSync(folder).flatMap((file) =>
    commentsInTemplates(readFileSync(join(folder, file), 'utf8')).map((line) => `${file}: ${line}`),
  )
  expect(found).toEqual([])
})

it('finds comments inside a template, also between attributes, and no comment outside', () => {
  const code = ['html`<p', '// one', '@click=$', '{f}>$', '{', '// two', 'b}', '  // three', '</p>`']
    .join('\n')
    .replaceAll('$\n', '$')
  expect(commentsInTemplates(code)).toEqual(['// one', '// three'])
})
