import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { fileBlocks } from './readme.ts'
import { root, run } from './run.ts'

const read = (file: string) => readFileSync(join(root, 'src/agents', file), 'utf8')
const folder = join(root, 'build/agents')

it('llms.txt names every entry and its exports, and its code compiles', () => {
  const text = read('llms.txt')
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const files = fileBlocks(text)
  expect([...files.keys()]).toEqual(['todos.ts', 'todos.worker.ts', 'main.ts', 'todos.test.ts'])
  for (const [file, code] of files) writeFileSync(join(folder, file), code)
  const entries = [...text.matchAll(/^- `(tidemark[\w/]*)`: (.+)$/gm)]
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { exports: object }
  const importable = Object.keys(exports).filter((name) => !name.includes('package.json'))
  expect(entries.map(([, entry]) => entry).sort()).toEqual(
    importable.map((name) => name.replace('.', 'tidemark')).sort(),
  )
  for (const [, entry = '', list = ''] of entries) {
    const names = [...list.matchAll(/\b[a-zA-Z]+(?=,|$| and)|(?<=and )[A-Z]\w+/g)]
      .map(([name]) => name)
      .filter((name) => !['classes', 'types', 'false', 'tables', 'workers', 'models'].includes(name))
    writeFileSync(
      join(folder, `${entry.replace('/', '-')}.ts`),
      `${names.map((name) => `export { ${name} } from '${entry}'`).join('\n')}\n`.replaceAll(
        /export \{ (EngineOf|ReadOf) \}/g,
        'export type { $1 }',
      ),
    )
  }
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({
      extends: '../../tsconfig.json',
      compilerOptions: {
        allowJs: false,
        checkJs: false,
        paths: { tidemark: ['../../src/index.ts'], 'tidemark/*': ['../../src/*.ts'] },
      },
      include: ['.', '../../src/env.d.ts'],
    }),
  )
  expect(() => run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', folder])).not.toThrow()
})

it('the skill names the ten mistakes, and says when to use it', () => {
  const text = read('tidemark/SKILL.md')
  expect([...text.matchAll(/^(\d+)\. \*\*/gm)].map(([, n]) => Number(n))).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  expect(text).toMatch(/^---\nname: tidemark\ndescription: .{40,}\n---\n/)
})
