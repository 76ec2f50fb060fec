import type { EditStep } from './steps.ts'

/** The files of a workspace: text by path. */
export type Files = ReadonlyMap<string, string>

/** The change of the files by a step. */
export type Edit =
  | { readonly kind: 'write'; readonly path: string; readonly text: string }
  | { readonly kind: 'rename'; readonly from: string; readonly to: string; readonly text: string }
  | { readonly kind: 'remove'; readonly path: string }

export type Outcome = { readonly edits: readonly Edit[] } | { readonly problem: string }

/** The most characters of a file. A workspace is for texts that a person writes. */
export const LARGEST_FILE = 200_000

const withNewline = (text: string): string => (text === '' || text.endsWith('\n') ? text : `${text}\n`)

/** Computes the result of a step on the present files. It is pure, because a command may be decided again. */
export function apply(step: Exclude<EditStep, { kind: 'undo' }>, files: Files): Outcome {
  const missing = (path: string): Outcome => ({ problem: `There is no file \`${path}\`.${suggestion(path, files)}` })
  const write = (path: string, text: string): Outcome =>
    text.length > LARGEST_FILE
      ? { problem: `\`${path}\` would be larger than ${LARGEST_FILE / 1000} kB.` }
      : { edits: [{ kind: 'write', path, text }] }

  switch (step.kind) {
    case 'create':
      if (files.has(step.path))
        return { problem: `\`${step.path}\` exists already. Say “write ${step.path}: …” to replace its text.` }
      return write(step.path, withNewline(step.text))
    case 'write':
      if (files.get(step.path) === withNewline(step.text)) return { problem: `\`${step.path}\` has that text already.` }
      return write(step.path, withNewline(step.text))
    case 'append':
      return write(step.path, withNewline(files.get(step.path) ?? '') + withNewline(step.text))
    case 'replace':
      return replace(step, files, missing)
    case 'rename': {
      const text = files.get(step.from)
      if (text === undefined) return missing(step.from)
      if (files.has(step.to)) return { problem: `\`${step.to}\` exists already, so \`${step.from}\` keeps its name.` }
      return { edits: [{ kind: 'rename', from: step.from, to: step.to, text }] }
    }
    case 'delete':
      return files.has(step.path) ? { edits: [{ kind: 'remove', path: step.path }] } : missing(step.path)
  }
}

function replace(
  { path, find, by }: Extract<EditStep, { kind: 'replace' }>,
  files: Files,
  missing: (path: string) => Outcome,
): Outcome {
  if (path !== '*' && !files.has(path)) return missing(path)
  const edits = [...files]
    .filter(([one, text]) => (path === '*' || one === path) && text.includes(find))
    .map(
      ([one, text]): Edit => ({
        kind: 'write',
        path: one,
        text: by === '' ? cut(text, find) : text.replaceAll(find, by),
      }),
    )
  if (edits.length === 0)
    return { problem: `“${find}” does not occur in ${path === '*' ? 'any file' : `\`${path}\``}, so nothing changed.` }
  const large = edits.find((edit) => edit.kind === 'write' && edit.text.length > LARGEST_FILE)
  return large ? { problem: `A file would be larger than ${LARGEST_FILE / 1000} kB.` } : { edits }
}

/** Removes the text, and the whole line if it had nothing else. */
const cut = (text: string, find: string): string =>
  text
    .split('\n')
    .flatMap((line) => {
      if (!line.includes(find)) return line
      const rest = line.replaceAll(find, '')
      return /^[\s\-*[\]]*$/.test(rest) ? [] : rest
    })
    .join('\n')
    .replaceAll(find, '')

const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1).toLowerCase()

/** A file with a similar name. */
function suggestion(path: string, files: Files): string {
  const name = nameOf(path).replace(/\.\w+$/, '')
  const near = [...files.keys()].find(
    (one) => nameOf(one).includes(name) || name.includes(nameOf(one).replace(/\.\w+$/, '')),
  )
  return near ? ` Did you mean \`${near}\`?` : ''
}
