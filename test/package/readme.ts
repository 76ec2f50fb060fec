/** The fenced blocks of a page in TypeScript. */
export const codeBlocks = (markdown: string): { readonly language: string; readonly text: string }[] =>
  [...markdown.matchAll(/^```(tsx?)\b[^\n]*\n([\s\S]*?)^```/gm)].map(([, language = '', text = '']) => ({
    language,
    text,
  }))

/** Files: a line `// name.ts` (more may follow the name) begins one, within a block or at its start. */
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
  given: 'tidemark/testing',
  openTestEngine: 'tidemark/testing',
  engine: './main.ts',
  events: './todos.ts',
  todoApp: './todos.ts',
}

/** A snippet shows what it is about; names that it neither imports nor declares come from the package or from the first example. */
export const withImports = (text: string): string => {
  const code = text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$|'[^'\n]*'/gm, '')
  const wanted = Object.entries(known).filter(
    ([name]) =>
      new RegExp(`(?<![.\\w])${name}\\b(?!\\s*:)`).test(code) &&
      !new RegExp(
        `import[^;\\n]*\\b${name}\\b|\\b(?:const|let|function|class)\\s+${name}\\b|[{,]\\s*${name}\\s*[,}][^\\n]*\\}\\s*=`,
      ).test(code),
  )
  return `${wanted.map(([name, from]) => `import { ${name} } from '${from}'\n`).join('')}${text}\nexport {}\n`
}
