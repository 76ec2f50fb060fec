import { readdirSync, readFileSync } from 'node:fs'
import { join, sep } from 'node:path'
import { parseAst } from 'rolldown/parseAst'
import { expect, it } from 'vitest'
import { root } from './run.ts'

/** Names that several bindings export, because each binding has the function for its framework. */
const BINDINGS = ['useDraft', 'useEngine', 'useRead', 'useStatus']

const src = join(root, 'src')
const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((file) => /\.tsx?$/.test(file))

/** The names that a file declares outside functions. Overloads count once. */
function namesIn(text: string): Set<string> {
  const names = new Set<string>()
  const add = (id: any): void => {
    if (id?.type === 'Identifier') names.add(id.name)
  }
  for (const statement of parseAst(text, { lang: 'ts' }).body as any[]) {
    const declared = /^Export(Named|Default)Declaration$/.test(statement.type) ? statement.declaration : statement
    add(declared?.id)
    if (declared?.type === 'VariableDeclaration') for (const { id } of declared.declarations) add(id)
  }
  return names
}

it('no two files of the sources declare the same name', () => {
  const owners = new Map<string, string[]>()
  for (const file of files)
    for (const name of namesIn(readFileSync(join(src, file), 'utf8')))
      owners.set(name, [...(owners.get(name) ?? []), file.split(sep).join('/')])
  expect(owners.size).toBeGreaterThan(1000)
  const alike = [...owners].filter(([name, { length }]) => length > 1 && !BINDINGS.includes(name))
  expect(alike.map(([name, where]) => `${name}: ${where.join(', ')}`)).toEqual([])
})

it('finds names in every kind of declaration', () => {
  const code = 'export const a = 1, b = 2\nfunction c() { const d = 1 }\nexport interface E {}\ntype F = 1\nclass G {}'
  expect([...namesIn(code)]).toEqual(['a', 'b', 'c', 'E', 'F', 'G'])
})
