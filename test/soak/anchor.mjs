// Finds the place of a deliberate mistake by what the code means: by the name of a function, in whatever file it is,
// and by a pattern of code inside it. Neither formatting nor casts, types and comments count.
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { parseAst } from 'rolldown/parseAst'

/**
 * @typedef {{ type: string, start: number, end: number, [key: string]: any }} Node
 * @typedef {{ path: string, text: string, program: Node }} Source
 * @typedef {{ in?: string, find: string, put: string }} Change
 * @typedef {{ path: string, start: number, end: number, text: string }} Place
 */

/** The properties of a node that do not affect what the code does. */
const IGNORED = new Set(
  'start end raw decorators typeAnnotation typeArguments returnType typeParameters declare definite'.split(' '),
)
const WRAPPERS = new Set(
  'TSAsExpression TSNonNullExpression TSSatisfiesExpression ParenthesizedExpression ChainExpression'.split(' '),
)

/** @type {(source: string) => Source[]} */
export function parseSources(source) {
  return readdirSync(source, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.tsx?$/.test(file))
    .sort()
    .map((file) => {
      const path = join(source, file)
      const text = readFileSync(path, 'utf8')
      // Positions are those of UTF-16, as in `text`.
      return { path, text, program: /** @type {any} */ (parseAst(text, { lang: 'ts' })) }
    })
}

/**
 * The places of a change, and the text that replaces each. `find` is an expression, or one or more statements.
 * In it, `$x` is any expression, the same one wherever it comes again; `$_` is any; `$$x` is any number of arguments, members or
 * statements. `put` is what replaces it, with the same names.
 * @type {(sources: readonly Source[], change: Change) => Place[]}
 */
export function placesOf(sources, change) {
  const pattern = patternOf(change.find)
  return sources.flatMap(({ path, text, program }) => {
    const roots = change.in === undefined ? [program] : functionsOf(program, change.in)
    /** @type {Place[]} */
    const places = []
    for (const root of roots)
      search(root, pattern, text, (start, end, bound) => {
        const put = change.put.replace(/\$\$?\w+/g, (name) => bound.get(name) ?? name)
        if (!places.some((place) => place.start === start)) places.push({ path, start, end, text: put || ';' })
      })
    return places
  })
}

/**
 * The one place of a change. Throws if there is none, or if there are two.
 * @type {(sources: readonly Source[], root: string, change: Change) => Place}
 */
export function placeOf(sources, root, change) {
  const [place, ...others] = placesOf(sources, change)
  if (place && !others.length) return place
  const show = (/** @type {string} */ path, /** @type {number} */ at) => {
    const { text } = /** @type {Source} */ (sources.find((source) => source.path === path))
    return `${relative(root, path)}:${text.slice(0, at).split('\n').length}`
  }
  const where = change.in === undefined ? 'the sources' : `function ${change.in}`
  if (place) {
    const all = [place, ...others].map(({ path, start }) => show(path, start))
    throw new Error(`${where} has ${all.length} places for ${change.find}: ${all.join(', ')}`)
  }
  const functions = sources.flatMap(({ path, program }) =>
    change.in === undefined ? [] : functionsOf(program, change.in).map(({ start }) => show(path, start)),
  )
  if (change.in !== undefined && !functions.length) throw new Error(`no function is called ${change.in}`)
  const elsewhere = placesOf(sources, { find: change.find, put: '' }).map(({ path, start }) => show(path, start))
  const hint = change.in !== undefined && elsewhere.length ? `; it is at ${elsewhere.join(', ')}` : ''
  throw new Error(`${where} (${functions.join(', ') || root}) has no place for ${change.find}${hint}`)
}

/** @type {(source: Source, place: Place) => string} */
export const changed = ({ text }, place) => text.slice(0, place.start) + place.text + text.slice(place.end)

/** Parsed inside a function, so that the pattern may contain `await` and `return`. @type {(find: string) => Node[]} */
function patternOf(find) {
  const { body } = /** @type {any} */ (parseAst(`async function* pattern() {\n${find}\n}`, { lang: 'ts' }))
  const statements = body[0].body.body
  const [only, ...others] = statements
  if (!only) throw new Error('an empty pattern')
  return !others.length && only.type === 'ExpressionStatement' && !find.trimEnd().endsWith(';')
    ? [only.expression]
    : statements
}

/** The functions of a program by their names: hundreds of patterns are looked for in the same programs. @type {WeakMap<Node, Map<string, Node[]>>} */
const named = new WeakMap()

/** @type {(program: Node, name: string) => Node[]} */
function functionsOf(program, name) {
  const known = named.get(program) ?? namesOf(program)
  named.set(program, known)
  return known.get(name) ?? []
}

/** @type {(program: Node) => Map<string, Node[]>} */
function namesOf(program) {
  const isFunction = (/** @type {Node | undefined} */ value) => /Function/.test(value?.type ?? '')
  /** @type {Map<string, Node[]>} */
  const found = new Map()
  const add = (/** @type {string | undefined} */ name, /** @type {Node} */ at) => {
    if (name !== undefined) found.set(name, [...(found.get(name) ?? []), at])
  }
  walk(program, (at) => {
    if (isFunction(at) && at.id) add(at.id.name, at)
    else if (at.type === 'VariableDeclarator' && isFunction(at.init)) add(at.id.name, at)
    else if (/Property|MethodDefinition/.test(at.type) && isFunction(at.value)) add(at.key?.name, at)
    else if (at.type === 'AssignmentExpression' && isFunction(at.right)) add(at.left.property?.name, at)
  })
  return found
}

/** @type {(node: any, visit: (node: Node) => void) => void} */
function walk(node, visit) {
  if (Array.isArray(node)) for (const one of node) walk(one, visit)
  else if (node && typeof node.type === 'string') {
    visit(node)
    for (const key of Object.keys(node)) if (!IGNORED.has(key)) walk(node[key], visit)
  }
}

/** @type {(root: Node, pattern: Node[], text: string, found: (start: number, end: number, bound: Map<string, string>) => void) => void} */
function search(root, pattern, text, found) {
  const [first] = /** @type {[Node]} */ (pattern)
  const isStatement = /Statement|Declaration/.test(first.type)
  walk(root, (node) => {
    if (!isStatement || pattern.length === 1) {
      const bound = new Map()
      if (matches(first, node, text, bound)) found(node.start, node.end, bound)
    }
    if (!isStatement || !Array.isArray(node.body)) return
    for (let at = 0; at + pattern.length <= node.body.length; at++) {
      const bound = new Map()
      const run = node.body.slice(at, at + pattern.length)
      if (pattern.every((one, i) => matches(one, run[i], text, bound))) found(run[0].start, run.at(-1).end, bound)
    }
  })
}

/** Adds parentheses to an expression that binds less tightly than its new place requires. @type {(node: Node, text: string) => string} */
const textOf = ({ type, start, end }, text) =>
  /Expression$/.test(type) && !/^(Member|Call|New|This|Array|Object)/.test(type)
    ? `(${text.slice(start, end)})`
    : text.slice(start, end)

/** @type {(node: any) => any} */
const unwrapped = (node) => (node && WRAPPERS.has(node.type) ? unwrapped(node.expression) : node)

/** @type {(pattern: any, given: any, text: string, bound: Map<string, string>) => boolean} */
function matches(pattern, given, text, bound) {
  if (Array.isArray(pattern)) return Array.isArray(given) && listMatches(pattern, given, text, bound)
  if (!pattern || typeof pattern !== 'object') return pattern === given
  if (pattern instanceof RegExp || pattern.type === undefined) return JSON.stringify(pattern) === JSON.stringify(given)
  const hole = holeOf(pattern)
  const node = unwrapped(given)
  if (hole && typeof node?.type === 'string') return bind(bound, hole, textOf(node, text))
  const plain = unwrapped(pattern)
  if (!node || plain.type !== node.type) return false
  return Object.keys(plain).every((key) => IGNORED.has(key) || matches(plain[key], node[key], text, bound))
}

/** @type {(patterns: any[], given: any[], text: string, bound: Map<string, string>) => boolean} */
function listMatches(patterns, given, text, bound) {
  const [first, ...rest] = patterns
  if (!first) return !given.length
  const hole = holeOf(first)
  if (!hole?.startsWith('$$'))
    return given.length > 0 && matches(first, given[0], text, bound) && listMatches(rest, given.slice(1), text, bound)
  for (let taken = 0; taken <= given.length; taken++) {
    const attempt = new Map(bound)
    const all = taken ? text.slice(given[0].start, given[taken - 1].end) : ''
    if (!bind(attempt, hole, all) || !listMatches(rest, given.slice(taken), text, attempt)) continue
    for (const [name, value] of attempt) bound.set(name, value)
    return true
  }
  return false
}

/** `$x`, also as a statement, or as a shorthand member. @type {(node: any) => string | undefined} */
function holeOf(node) {
  const plain =
    node.type === 'ExpressionStatement' ? node.expression : node.type === 'Property' && node.shorthand ? node.key : node
  return plain.type === 'Identifier' && plain.name.startsWith('$') ? plain.name : undefined
}

/** @type {(bound: Map<string, string>, name: string, text: string) => boolean} */
function bind(bound, name, text) {
  const before = bound.get(name)
  if (name !== '$_' && before !== undefined && before !== text) return false
  bound.set(name, text)
  return true
}
