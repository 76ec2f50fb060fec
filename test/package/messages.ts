import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseSync } from 'vite'
import { root } from './run.ts'

interface Node {
  readonly type: string
  readonly [key: string]: unknown
}
const isNode = (value: unknown): value is Node => typeof (value as Node | null)?.type === 'string'

/** The placeholder for a value in a message. */
export const VALUE = '…'
/** The fewest words of a message. A shorter text is a label or a name. */
const FEWEST_WORDS = 3

/** The texts to which an expression may evaluate. A value that is only known at runtime is `…`. */
function textsOf(node: Node): string[] {
  const pairs = (before: readonly string[], after: readonly string[]) =>
    before.flatMap((one) => after.map((other) => one + other))
  if (node.type === 'Literal') return [typeof node.value === 'string' ? node.value : VALUE]
  if (node.type === 'TemplateLiteral') {
    const quasis = node.quasis as readonly { readonly value: { readonly cooked: string } }[]
    const expressions = node.expressions as readonly Node[]
    return quasis.reduce<string[]>(
      (texts, { value }, i) => pairs(pairs(texts, i ? textsOf(expressions[i - 1]!) : ['']), [value.cooked]),
      [''],
    )
  }
  if (node.type === 'BinaryExpression' && node.operator === '+')
    return pairs(textsOf(node.left as Node), textsOf(node.right as Node))
  if (node.type === 'ConditionalExpression')
    return [...textsOf(node.consequent as Node), ...textsOf(node.alternate as Node)]
  if (node.type === 'ParenthesizedExpression') return textsOf(node.expression as Node)
  return [VALUE]
}

const words = (text: string): number => text.replaceAll(VALUE, ' ').match(/\p{L}{2,}/gu)?.length ?? 0

const isOfNoMessage = ({ type }: Node): boolean => type.startsWith('TS') || type.startsWith('Import')

/** Whether an expression makes an error, or shows a text to the user of the panel. */
const isSaid = ({ type, callee }: Node): boolean => {
  const { name = '', property } = (callee ?? {}) as { name?: string; property?: { name?: string } }
  return (type === 'NewExpression' && name.endsWith('Error')) || (type === 'CallExpression' && property?.name === 'say')
}

/** The texts of at least three words in a source, which may be messages of errors or warnings. `onlySaid` leaves out labels. */
export function messagesIn(code: string, file: string, onlySaid = false): string[] {
  const found: string[] = []
  const visitSaid = (value: unknown): void => {
    if (Array.isArray(value)) for (const one of value) visitSaid(one)
    else if (isNode(value)) {
      if (isSaid(value)) visitNode(value)
      else for (const child of Object.values(value)) visitSaid(child)
    }
  }
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) for (const one of value) visit(one)
    else if (isNode(value) && !isOfNoMessage(value)) visitNode(value)
  }
  const visitNode = (value: Node): void => {
    const texts = ['Literal', 'TemplateLiteral', 'BinaryExpression', 'ConditionalExpression'].includes(value.type)
      ? textsOf(value).filter((text) => words(text) >= FEWEST_WORDS)
      : []
    if (texts.length) found.push(...texts)
    else for (const [name, child] of Object.entries(value)) if (name !== 'source') visit(child)
  }
  ;(onlySaid ? visitSaid : visit)(parseSync(file, code).program.body)
  return found
}

/** Whether a file is of the panel, which has many labels. */
const isPanel = (file: string): boolean => /^devtools[./\\]/.test(file)
/** Whether a file has no messages for the guide: those of the conformance tests already say what an adapter breaks. */
const isOther = (file: string): boolean => file.includes('conformance')

/** The messages of the sources by file. */
export const messages = (): ReadonlyMap<string, readonly string[]> => {
  const src = join(root, 'src')
  const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith('.ts') && !isOther(file),
  )
  return new Map(
    files.sort().map((file) => [file, messagesIn(readFileSync(join(src, file), 'utf8'), file, isPanel(file))]),
  )
}
