import { readdirSync, readFileSync } from 'node:fs'
import { join, sep } from 'node:path'
import { parseAst } from 'rolldown/parseAst'
import { expect, it } from 'vitest'
import { root } from './run.ts'

const src = join(root, 'src')
const files = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((file) => /\.tsx?$/.test(file))
  .map((file) => file.split(sep).join('/'))

/**
 * The lines with a cast that has no explanation. A comment in the statement or on the line above explains a cast. It also explains the casts
 * of the next statement. `as const` is no cast.
 */
function unexplainedCasts(text: string): number[] {
  const lines = text.split('\n')
  const lineAt = (position: number): number => text.slice(0, position).split('\n').length - 1
  const isComment = (line: string): boolean => /(^|\s)(\/\/ |\/\*\* |\*\/)/.test(line)
  const explained = new Set<number>()
  const wrong = new Set<number>()
  const visit = (node: any, statement: number): void => {
    if (!node || typeof node !== 'object') return
    const isPart = /Statement$|Declaration$|^(Property|PropertyDefinition|MethodDefinition)$/.test(node.type)
    const from = isPart ? node.start : statement
    if (node.type === 'TSAsExpression' && text.slice(node.typeAnnotation.start, node.typeAnnotation.end) !== 'const') {
      const first = lineAt(from)
      const last = lineAt(node.typeAnnotation.end)
      const isExplained = explained.has(first - 1) || lines.slice(Math.max(0, first - 1), last + 1).some(isComment)
      if (!isExplained) wrong.add(lineAt(node.start) + 1)
      else for (let line = first; line <= last; line++) explained.add(line)
    }
    for (const part of Array.isArray(node) ? node : Object.values(node)) visit(part, from)
  }
  visit(parseAst(text, { lang: 'ts' }), 0)
  return [...wrong]
}

it('every cast of the sources has a comment with its reason', () => {
  const wrong = files.flatMap((file) =>
    unexplainedCasts(readFileSync(join(src, file), 'utf8')).map((line) => `src/${file}:${line}`),
  )
  expect(wrong).toEqual([])
})

it('finds only the casts without an explanation', () => {
  const code = `const a = one as A

// Known by its tag.
const b = one as B
const c = two as C
const d = ['e'] as const
const f = 1

const g = () => {
  const h = 1
  return h as G
}`
  expect(unexplainedCasts(code)).toEqual([1, 11])
})
