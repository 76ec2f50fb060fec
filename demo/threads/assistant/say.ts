import { countLines } from '../model/lines.ts'
import type { Edit, Files } from './apply.ts'
import type { EditStep, Step } from './steps.ts'

/** The most lines and matches that are shown. The others are only counted. */
const LISTED = 20

const numbers = new Intl.NumberFormat('en')
const plural = (n: number, one: string): string => `${numbers.format(n)} ${one}${n === 1 ? '' : 's'}`
const linesOf = (text: string): number => (text === '' ? 0 : text.replace(/\n$/, '').split('\n').length)
const wordsOf = (text: string): number => text.match(/\S+/g)?.length ?? 0

export const HELP = `I work on the files of this project. I can:

- **create** a file: \`create shopping.md with milk\`
- **append**: \`add "- [ ] eggs" to shopping.md\`
- **write** a whole file: \`write shopping.md: bread\`
- **replace**: \`replace milk with oat milk in shopping.md\`, or \`everywhere\`
- **remove** a text: \`remove eggs from shopping.md\`
- **rename**: \`rename shopping.md to lists/shopping.md\`
- **delete** a file; I ask first: \`delete shopping.md\`
- **list**, **show**, **count** and **find**: \`find milk\`, \`count words in shopping.md\`
- **undo** the last turn that changed files

Several at once: one on each line, or with “then” between them.`

/** Describes the result of a step. */
export function sayDone(step: EditStep, edits: readonly Edit[], before: Files): string {
  const [first] = edits
  if (!first) return 'Nothing had to change.'
  if (step.kind === 'undo')
    return `Undone: ${edits.map((edit) => `\`${edit.kind === 'rename' ? edit.to : edit.path}\``).join(', ')}.`
  if (first.kind === 'rename') return `Renamed \`${first.from}\` to \`${first.to}\`.`
  if (first.kind === 'remove') return `Deleted \`${first.path}\`.`
  if (step.kind === 'replace' && step.by !== '') {
    const many = edits.reduce(
      (sum, edit) => sum + (before.get((edit as typeof first).path)?.split(step.find).length ?? 1) - 1,
      0,
    )
    const where = edits.length === 1 ? `\`${first.path}\`` : plural(edits.length, 'file')
    return `Replaced “${step.find}” with “${step.by}” in ${where}, ${plural(many, 'time')}.`
  }
  const old = before.get(first.path)
  if (old === undefined) return `Created \`${first.path}\` with ${plural(linesOf(first.text), 'line')}.`
  const { added, removed } = countLines(old, first.text)
  return `Changed \`${first.path}\`: ${plural(added, 'line')} added, ${numbers.format(removed)} removed.`
}

/** The answer to a step that changes nothing. */
export function answer(step: Exclude<Step, EditStep>, files: Files): string {
  switch (step.kind) {
    case 'help':
      return HELP
    case 'list':
      return list(files)
    case 'show':
      return show(step.path, files)
    case 'count':
      return count(step.path, files)
    case 'find':
      return find(step.text, files)
    case 'unknown':
      return step.reason
        ? `I can't do “${step.text}”. ${step.reason}`
        : `I can't do “${step.text}”. I am a small assistant that works on the files of this project: create, append, replace, rename, delete, list, show, count, find and undo. Say **help** for examples, or name a language model under **Assistant**.`
  }
}

const sorted = (files: Files): [string, string][] => [...files].sort(([a], [b]) => (a < b ? -1 : 1))
const moreLine = (total: number): string => (total > LISTED ? `\n- and ${total - LISTED} more` : '')

function list(files: Files): string {
  if (files.size === 0) return 'This project has no files yet. Say `create notes.md` to begin.'
  const lines = sorted(files)
    .slice(0, LISTED)
    .map(([path, text]) => `- \`${path}\`, ${plural(linesOf(text), 'line')}`)
  return `${plural(files.size, 'file')}:\n\n${lines.join('\n')}${moreLine(files.size)}`
}

function show(path: string, files: Files): string {
  const text = files.get(path)
  if (text === undefined) return `There is no file \`${path}\`.`
  if (text === '') return `\`${path}\` is empty.`
  // A longer fence than any in the text.
  const fence = '`'.repeat(Math.max(3, ...(text.match(/`+/g) ?? []).map((run) => run.length + 1)))
  return `\`${path}\`:\n\n${fence}\n${text.replace(/\n$/, '')}\n${fence}`
}

function count(path: string | null, files: Files): string {
  if (path !== null && !files.has(path)) return `There is no file \`${path}\`.`
  const counted = path === null ? [...files.values()] : [files.get(path)!]
  const sum = (measure: (text: string) => number): number => counted.reduce((total, text) => total + measure(text), 0)
  const where = path === null ? plural(files.size, 'file') : `\`${path}\``
  return `${where}: ${plural(sum(linesOf), 'line')}, ${plural(sum(wordsOf), 'word')}, ${plural(
    sum((text) => text.length),
    'character',
  )}.`
}

function find(text: string, files: Files): string {
  const wanted = text.toLowerCase()
  const found = sorted(files).flatMap(([path, content]) =>
    content.split('\n').flatMap((line, at) => (line.toLowerCase().includes(wanted) ? [{ path, line, at }] : [])),
  )
  if (found.length === 0) return `“${text}” is in none of ${plural(files.size, 'file')}.`
  const lines = found.slice(0, LISTED).map(({ path, line, at }) => `- \`${path}\` line ${at + 1}: ${line.trim()}`)
  return `Found “${text}” in ${plural(found.length, 'line')}:\n\n${lines.join('\n')}${moreLine(found.length)}`
}
