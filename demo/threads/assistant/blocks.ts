import { parse } from './parse.ts'
import { problemOfPath } from './paths.ts'
import type { Step } from './steps.ts'

/** Matches a fenced block: the fence, the words after it, and the text up to a fence of the same length. */
const BLOCK = /^(`{3,})(write|do)(?:[ \t]+([^\n]+?))?[ \t]*\n([\s\S]*?)^\1[ \t]*$/gm

/** The requests of a model, in blocks of its answer: \`\`\`write path … \`\`\` and \`\`\`do … \`\`\`. */
export function stepsIn(answer: string): Step[] {
  return [...answer.matchAll(BLOCK)].flatMap(([, , kind, path, body = '']): Step[] => {
    if (kind === 'do') return body.split('\n').filter(Boolean).flatMap(parse)
    const problem = path ? problemOfPath(path) : 'The block names no path.'
    return path && !problem
      ? [{ kind: 'write', path, text: body }]
      : [{ kind: 'unknown', text: `write ${path ?? ''}`.trim(), reason: problem ?? '' }]
  })
}

export const INSTRUCTIONS = `You help a person with the text files of a project. You see all of them below.
To change files, put blocks into your answer. They are carried out when your answer has ended, in their order.
To write a whole file, new or not:
\`\`\`write path/of/file.md
the whole text
\`\`\`
For anything else, one request on each line:
\`\`\`do
append "a line" to path/of/file.md
replace "old text" with "new text" in path/of/file.md
rename old.md to new.md
delete old.md
undo the last turn
\`\`\`
The person is asked before a file is deleted. Without such a block nothing changes. Answer briefly, in Markdown.`
