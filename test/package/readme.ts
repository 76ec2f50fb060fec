/** The fenced blocks of a page in TypeScript. */
export const codeBlocks = (markdown: string): { readonly language: string; readonly text: string }[] =>
  [...markdown.matchAll(/^```(tsx?)\b[^\n]*\n([\s\S]*?)^```/gm)].map(([, language = '', text = '']) => ({
    language,
    text,
  }))

/** The files in the blocks of a page. A line `// name.ts` starts a file, at the start of a block or within it. A text may follow the name. */
export const fileBlocks = (markdown: string): Map<string, string> => {
  const files = new Map<string, string>()
  for (const { text } of codeBlocks(markdown)) {
    let file: string | undefined
    for (const line of text.split('\n')) {
      const name = /^\/\/ ([\w./-]+\.tsx?)\b/.exec(line)?.[1]
      if (name) {
        file = name
        files.set(name, '')
      } else if (file) files.set(file, `${files.get(file)}${line}\n`)
    }
  }
  return files
}

const known: Record<string, string> = {
  ...Object.fromEntries(
    (
      'event defineEvents projection table value defineModel reject openEngine CommandRejected CommandIdConflict InvalidData ' +
      'ModelError ProjectionFailed StorageError OutdatedCodeError EngineClosed CorruptLog ImportError'
    )
      .split(' ')
      .map((name) => [name, 'tidemark']),
  ),
  hostProjections: 'tidemark/worker',
  useRead: 'tidemark/react',
  useStatus: 'tidemark/react',
  useEngine: 'tidemark/react',
  deepEqual: 'tidemark',
  given: 'tidemark/testing',
  openTestEngine: 'tidemark/testing',
  todoApp: './todos.ts',
}
/** Names from the first example, with the code that gets them: the example exports only what an app exports. */
const derived: Record<string, string> = {
  engine: `const engine = await (await import('tidemark')).openEngine((await import('./todos.ts')).todoApp)`,
  events: `const { events } = (await import('./todos.ts')).todoApp`,
}

/** Adds imports to a snippet. Names that it neither imports nor declares come from the package or from the first example. */
export const withImports = (text: string): string => {
  const code = text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$|'[^'\n]*'/gm, '')
  const wanted = (names: Record<string, string>) =>
    Object.entries(names).filter(
      ([name]) =>
        new RegExp(`(?<![.\\w])${name}\\b(?!\\s*:)`).test(code) &&
        !new RegExp(
          `\\bimport\\b[^;\\n]*\\b${name}\\b|\\b(?:const|let|function|class)\\s+${name}\\b|[{,]\\s*${name}\\s*[,}][^\\n]*\\}\\s*=`,
        ).test(code),
    )
  const imports = wanted(known).map(([name, from]) => `import { ${name} } from '${from}'\n`)
  const values = wanted(derived).map(([, line]) => `${line}\n`)
  return `${imports.join('')}${values.join('')}${text}\nexport {}\n`
}
