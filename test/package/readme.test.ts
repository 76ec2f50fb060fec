import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, it } from 'vitest'
import { codeBlocks, fileBlocks, withImports } from './readme.ts'
import { root, run } from './run.ts'

const page = join(root, 'README.md')

it('every snippet of the README compiles', () => {
  const markdown = readFileSync(page, 'utf8')
  const folder = join(root, 'build/readme')
  rmSync(folder, { recursive: true, force: true })
  const write = (file: string, text: string) => {
    mkdirSync(dirname(join(folder, file)), { recursive: true })
    writeFileSync(join(folder, file), text)
  }
  for (const [file, text] of fileBlocks(markdown)) write(file, text)
  const snippets = codeBlocks(markdown).filter(({ text }) => fileBlocks(`\`\`\`ts\n${text}\`\`\``).size === 0)
  snippets.forEach(({ language, text }, index) => {
    write(`snippet-${index + 1}.${language}`, withImports(text))
  })
  write(
    'tsconfig.json',
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
  expect(snippets.length).toBeGreaterThan(0)
  expect(() => run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', folder])).not.toThrow()
})
