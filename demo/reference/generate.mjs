// Writes the API reference as markdown, a page per entry of the package and an index: `node generate.mjs <folder>`.
// `node generate.mjs --check` prints what the comments lack.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { Application, Converter, ReflectionKind } from 'typedoc'

/**
 * @typedef {import('typedoc').DeclarationReflection} Entry
 * @typedef {import('typedoc').TypeDocOptions & import('typedoc-plugin-markdown').PluginOptions} Options
 */

const root = fileURLToPath(new URL('../..', import.meta.url))
const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

/** `tidemark` and what follows `tidemark/`, with the file of each. */
const entries = Object.keys(exports)
  .filter((key) => key !== './package.json')
  .flatMap((key) => {
    const name = key === '.' ? 'index' : key.slice(2)
    const file = ['.ts', '.tsx'].map((ending) => join(root, 'src', name + ending)).find(existsSync)
    return file ? [{ name, file }] : []
  })

/** Reads the entries. Calls `warn` for each undocumented export, each type that a signature uses but no entry exports, and each broken link. */
export async function readProject(/** @type {(message: string) => void} */ warn = () => {}) {
  /** @type {Partial<Options>} */
  const options = {
    entryPoints: entries.map(({ file }) => file),
    tsconfig: join(root, 'src/tsconfig.json'),
    plugin: ['typedoc-plugin-markdown'],
    router: 'module',
    readme: 'none',
    // TypeScript 7 has already checked the sources.
    skipErrorChecking: true,
    disableSources: true,
    excludeInternal: true,
    excludePrivate: true,
    excludeExternals: true,
    sort: ['kind', 'alphabetical'],
    groupOrder: ['Functions', 'Variables', 'Classes', 'Interfaces', 'Type Aliases', 'Properties', 'Methods', '*'],
    validation: { notExported: true, notDocumented: true, invalidLink: true },
    requiredToBeDocumented: ['Function', 'Variable', 'Class', 'Interface', 'TypeAlias'],
    entryFileName: 'index',
    hidePageHeader: true,
    hidePageTitle: true,
    hideBreadcrumbs: true,
    useCodeBlocks: true,
    parametersFormat: 'table',
    interfacePropertiesFormat: 'table',
    classPropertiesFormat: 'table',
    typeAliasPropertiesFormat: 'table',
    propertyMembersFormat: 'table',
    propertiesFormat: 'table',
    typeDeclarationFormat: 'table',
    tableColumnSettings: {
      hideDefaults: true,
      hideInherited: true,
      hideModifiers: true,
      hideOverrides: true,
      hideSources: true,
    },
  }
  const app = await Application.bootstrapWithPlugins(options)
  // TypeDoc's messages would be mixed with the results.
  app.logger.info = () => {}
  app.logger.warn = (message) => warn(String(message))
  app.converter.on(Converter.EVENT_RESOLVE_END, ({ project }) => {
    project.children?.forEach(nameEntry)
    project.getReflectionsByKind(ReflectionKind.Parameter).forEach(nameParameter)
  })
  const project = await app.convert()
  if (!project) throw new Error('TypeDoc could not read the entries in src')
  app.validate(project)
  return { app, project }
}

/** Renames the entry `index`, because the page `index` is the list of all entries. */
const nameEntry = (/** @type {Entry} */ entry) => {
  if (entry.name === 'index') entry.name = 'tidemark'
}

/** Names a parameter that is destructured in its declaration: it has no name. */
const nameParameter = (/** @type {import('typedoc').Reflection} */ parameter) => {
  if (parameter.name === '__namedParameters')
    parameter.name = parameter.parent?.name.endsWith('Provider') ? 'props' : 'options'
}

async function write(/** @type {string} */ folder) {
  const { app, project } = await readProject()
  mkdirSync(folder, { recursive: true })
  app.options.setValue('out', folder)
  await app.generateOutputs(project)
  const pages = (project.children ?? []).map((entry) => ({ entry, file: join(folder, `${entry.name}.md`) }))
  for (const { entry, file } of pages) {
    const specifier = specifierOf(entry)
    const text = tidy(readFileSync(file, 'utf8'))
    writeFileSync(file, `# ${specifier}\n\n${text}`)
  }
  // The main entry comes first.
  const sorted = pages.toSorted((a, b) => Number(b.entry.name === 'tidemark') - Number(a.entry.name === 'tidemark'))
  const lists = sorted.map(({ entry }) => {
    const items = (entry.children ?? []).map((one) => {
      const link = `[\`${one.name}${one.signatures ? '()' : ''}\`](${entry.name}.md#${one.name.toLowerCase()})`
      return `| ${link} | ${firstSentence(summaryOf(targetOf(one))).replaceAll('|', '\\|')} |`
    })
    return `## [${specifierOf(entry)}](${entry.name}.md)\n\n${summaryOf(entry)}\n\n| export | what it is |\n| --- | --- |\n${items.join('\n')}`
  })
  writeFileSync(
    join(folder, 'index.md'),
    `# Reference\n\nEvery export of the package, by its entry.\n\n${lists.join('\n\n')}\n`,
  )
}

const specifierOf = (/** @type {Entry} */ entry) => (entry.name === 'tidemark' ? 'tidemark' : `tidemark/${entry.name}`)

/** The export that has the comment: an export that another entry repeats refers to the first one. */
const targetOf = (/** @type {Entry} */ one) =>
  one.isReference() ? /** @type {Entry} */ (one.getTargetReflectionDeep()) : one

/** The comment of an export. A function has it at its first signature with a comment. */
const commentOf = (/** @type {Entry} */ one) => one.comment ?? one.signatures?.find(({ comment }) => comment)?.comment
const summaryOf = (/** @type {Entry} */ one) =>
  (commentOf(one)?.summary ?? [])
    .map(({ text }) => text)
    .join('')
    .trim()
const firstSentence = (/** @type {string} */ text) =>
  /^[\s\S]+?[.:](?=\s|$)/.exec(text)?.[0].replace(/\s+/g, ' ').replace(/:$/, '.') ?? text

/** Titles of sections that repeat the signature above them, or that only the compiler needs. */
const repeated = new Set([
  'Constructors',
  'Extends',
  'Extended by',
  'Implements',
  'Inherited from',
  'Overrides',
  'Type Parameters',
  'Type Parameter',
])

/** Removes the repeated sections from a page, with the text below them. */
function tidy(/** @type {string} */ text) {
  let skipping = 0
  let fenced = false
  const lines = text.split('\n').filter((line) => {
    if (line.startsWith('```')) fenced = !fenced
    const [, marks, title = ''] = (!fenced && /^(#+) (.+)$/.exec(line)) || []
    if (marks && (!skipping || marks.length <= skipping)) skipping = repeated.has(title) ? marks.length : 0
    if (!fenced && line === '***') skipping = 0
    return !skipping
  })
  return lines
    .join('\n')
    .replace(/<a id="[^"]*"><\/a> ?/g, '')
    .replace(/^#+ Returns\n\n(?!.*\n\n[^#*\n])[^\n]*\n+/gm, '')
    .replace(/^\*\*\*$/gm, '')
    .replace(/\n{3,}/g, '\n\n')
}

/** Prints what exports lack: a description, a value's example in a fence, or a type in a signature that the entry does not export. */
async function check() {
  /** @type {string[]} */
  const lacks = []
  const { project } = await readProject((message) => lacks.push(message))
  for (const entry of project.children ?? [])
    for (const one of entry.children ?? []) {
      // The entry that declares it has the comment.
      if (one.isReference()) continue
      const specifier = `${specifierOf(entry)}: ${one.name}`
      if (!summaryOf(one)) lacks.push(`${specifier} has no sentence`)
      if (values.has(one.kind) && !commentOf(one)?.getTag('@example')) lacks.push(`${specifier} has no @example`)
    }
  // Without a fence, the text after an example would also be code.
  for (const { comment, parent } of Object.values(project.reflections)) {
    const example = comment?.getTag('@example')?.content.map(({ text }) => text)
    if (example && !/^\s*```/.test(example.join('')))
      lacks.push(`${parent?.getFullName()} has an @example without a fence`)
  }
  return lacks
}

const values = new Set([ReflectionKind.Function, ReflectionKind.Variable, ReflectionKind.Class])

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  if (process.argv[2] === '--check') console.log(JSON.stringify(await check()))
  else await write(process.argv[2] ?? '')
}
