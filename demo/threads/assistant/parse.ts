import { problemOfPath } from './paths.ts'
import type { Step } from './steps.ts'

/** Surrounds the number that replaces a text in quotes or fences while sentences are split. */
const MARK = '\u0001'
const LITERAL = new RegExp(`${MARK}(\\d+)${MARK}`, 'g')
/** Matches text in fences, in backticks, or in quotes. Single quotes count only if they can't be apostrophes. */
const QUOTED = /```[^\n]*\n([\s\S]*?)\n?```|`([^`\n]+)`|"([^"]*)"|“([^”]*)”|(?<=^|[\s:(])'([^']*)'(?=$|[\s.,;:)])/g

const PATH = '(\\S+?)'
const FILE = `(?:the\\s+|my\\s+)?(?:file\\s+)?${PATH}`
const END = '[.!?]?$'
const TEXT = '([\\s\\S]+?)'
const EVERYTHING = /^(?:everything|everywhere|all|files|words|lines)$/i

type Rule = readonly [pattern: RegExp, make: (...found: string[]) => Step]
const rule = (pattern: string, make: (...found: string[]) => Step): Rule => [new RegExp(`^${pattern}${END}`, 'i'), make]

/** The first rule that matches counts, so `add milk to list.md` is tried before `add list.md`. */
const rules: readonly Rule[] = [
  rule('(?:help|what can you do.*)', () => ({ kind: 'help' })),
  rule(
    '(?:undo|take back|revert)(?:\\s+(?:that|this|it|(?:the|my|your)?\\s*last\\s+(?:turn|change|step|one)))?',
    () => ({
      kind: 'undo',
    }),
  ),
  rule(
    '(?:ls|list|(?:list|show|which|what)(?:\\s+me)?(?:\\s+(?:all|are|the|my))*\\s+files?(?!\\s+(?:contain|mention|have))(?:\\s+.*)?)',
    () => ({
      kind: 'list',
    }),
  ),
  rule(`(?:rename|move)\\s+${FILE}\\s+(?:to|as|into)\\s+${PATH}`, (from, to) => ({
    kind: 'rename',
    from: from!,
    to: to!,
  })),
  rule(
    `(?:replace|change)\\s+(?:all\\s+|every\\s+)?${TEXT}\\s+(?:with|by|to)\\s+${TEXT}\\s+(?:in\\s+(?:all|every)\\s+files?|everywhere)`,
    (find, by) => ({
      kind: 'replace',
      path: '*',
      find: find!,
      by: by!,
    }),
  ),
  rule(
    `(?:replace|change)\\s+(?:all\\s+|every\\s+)?${TEXT}\\s+(?:with|by|to)\\s+${TEXT}\\s+in\\s+${FILE}`,
    (find, by, path) => ({
      kind: 'replace',
      path: path!,
      find: find!,
      by: by!,
    }),
  ),
  rule(
    `in\\s+${FILE},?\\s+(?:replace|change)\\s+(?:all\\s+|every\\s+)?${TEXT}\\s+(?:with|by|to)\\s+${TEXT}`,
    (path, find, by) => ({
      kind: 'replace',
      path: path!,
      find: find!,
      by: by!,
    }),
  ),
  rule(`(?:remove|delete|cut)\\s+${TEXT}\\s+from\\s+${FILE}`, (find, path) => ({
    kind: 'replace',
    path: path!,
    find: find!,
    by: '',
  })),
  rule(`(?:append|add)\\s+to\\s+${FILE}\\s*(?::|,)\\s*${TEXT}`, (path, text) => ({
    kind: 'append',
    path: path!,
    text: text!,
  })),
  rule(
    `(?:append|add|put|write)\\s+${TEXT}\\s+(?:to|into|in|on|at)\\s+(?:the\\s+end\\s+of\\s+)?${FILE}`,
    (text, path) => ({
      kind: 'append',
      path: path!,
      text: text!,
    }),
  ),
  rule(`(?:write|overwrite|set)\\s+${FILE}\\s*(?::|\\s(?:with|to|as)\\s)\\s*${TEXT}`, (path, text) => ({
    kind: 'write',
    path: path!,
    text: text!,
  })),
  rule(
    `(?:create|make|start|add|write|new)\\s+(?:an?\\s+|the\\s+)?(?:new\\s+|empty\\s+)?(?:text\\s+)?(?:file\\s+)?(?:called\\s+|named\\s+)?${PATH}(?:\\s*(?::|\\s(?:with|containing|saying|that\\s+says)(?:\\s+(?:the\\s+)?(?:texts?|contents?|lines?))?\\s?:?)\\s*${TEXT}?)?`,
    (path, text) => ({ kind: 'create', path: path!, text: text ?? '' }),
  ),
  rule(`(?:delete|remove|erase|drop)\\s+${FILE}`, (path) => ({ kind: 'delete', path: path! })),
  rule(
    `(?:count(?:\\s+(?:the\\s+)?(?:words|lines|files|everything))?|how\\s+(?:many\\s+(?:words|lines)|long))(?:\\s+(?:are|is))?(?:\\s+there)?(?:\\s+(?:in|of|does))?\\s+${FILE}(?:\\s+have)?`,
    (path) => ({
      kind: 'count',
      path: EVERYTHING.test(path!) ? null : path!,
    }),
  ),
  rule(
    '(?:count(?:\\s+(?:the\\s+)?(?:words|lines|files|everything))?|how\\s+many\\s+(?:files|words|lines).*)(?:\\s+in\\s+all\\s+files)?',
    () => ({
      kind: 'count',
      path: null,
    }),
  ),
  rule(
    `(?:find|search(?:\\s+for)?|look\\s+for|grep|where\\s+is|which\\s+files\\s+(?:contain|mention|have))\\s+${TEXT}(?:\\s+in\\s+(?:all\\s+|the\\s+|my\\s+)*files)?`,
    (text) => ({
      kind: 'find',
      text: text!,
    }),
  ),
  rule(`(?:show|read|print|cat|open)(?:\\s+me)?\\s+${FILE}`, (path) => ({ kind: 'show', path: path! })),
]

const VERB =
  'help|what|undo|take|revert|ls|list|show|which|rename|move|replace|change|in|remove|delete|cut|append|add|put|write|overwrite|set|create|make|start|new|erase|drop|count|how|find|search|look|grep|where|read|print|cat|open'
const SEPARATOR = new RegExp(`\\s*;\\s*|,?\\s+(?:and\\s+)?then\\s+(?=(?:${VERB})\\b)|[.!]\\s+(?=(?:${VERB})\\s)`, 'i')
const COURTESY =
  /^(?:(?:please|now|also|ok|okay|hey|hi|and|then)[,\s]+|(?:can|could|would|will)\s+you\s+(?:please\s+)?)+|,?\s+please(?=[.!?]?$)/gi

/** Splits a request into steps. A part that it does not understand becomes a step that says so. */
export function parse(request: string): Step[] {
  const literals: string[] = []
  const marked = request.replace(QUOTED, (_, ...found: (string | undefined)[]) => {
    literals.push(found.slice(0, 5).find((text) => text !== undefined) ?? '')
    return `${MARK}${literals.length - 1}${MARK}`
  })
  const restore = (text: string): string => text.replace(LITERAL, (_, index) => literals[Number(index)] ?? '')
  const steps: Step[] = []
  for (const line of marked.split('\n')) {
    const sentences = line.split(SEPARATOR).map((one) => one.trim().replace(COURTESY, '').trim())
    for (const sentence of sentences) {
      const step = sentence ? parseOne(sentence, restore) : undefined
      const last = steps.at(-1)
      // The lines below `create poem.md:` are its text.
      if ((!step || step.kind === 'unknown') && last && takesText(last)) last.text = addLine(last.text, restore(line))
      else if (step) steps.push(step)
      if ((!step || step.kind === 'unknown') && last && takesText(last)) break
    }
  }
  return steps.map(trimEnd)
}

type WithText = Extract<Step, { kind: 'create' | 'append' | 'write' }>
const takesText = (step: Step): step is WithText => ['create', 'append', 'write'].includes(step.kind)
const addLine = (text: string, line: string): string => (text ? `${text}\n${line}` : line)
const trimEnd = (step: Step): Step => (takesText(step) ? { ...step, text: step.text.replace(/\s+$/, '') } : step)

function parseOne(sentence: string, restore: (text: string) => string): Step {
  for (const [pattern, make] of rules) {
    const found = pattern.exec(sentence)
    if (!found) continue
    const step = make(...found.slice(1).map((text) => text && restore(text)))
    for (const path of pathsOf(step)) {
      const problem = problemOfPath(path)
      if (problem) return { kind: 'unknown', text: restore(sentence), reason: problem }
    }
    return step
  }
  return { kind: 'unknown', text: restore(sentence), reason: '' }
}

function pathsOf(step: Step): string[] {
  if (step.kind === 'rename') return [step.from, step.to]
  return 'path' in step && step.path !== null && step.path !== '*' ? [step.path] : []
}
