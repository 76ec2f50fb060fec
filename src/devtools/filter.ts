import type { Key } from '../data.ts'
import type { LogEntry } from './logRecord.ts'
import type { InspectedEngine } from './session.ts'

/** The parsed form of a filter such as `type:todoAdded row:todos/a command:x some text`. */
export interface Filter {
  readonly type?: string
  readonly row?: { readonly table: string; readonly key: string }
  readonly command?: string
  /** The text to find, in lower case. */
  readonly text: string
}

/** Parses a typed filter. A result of undefined matches every event. */
export function parseFilter(line: string): Filter | undefined {
  const filter: {
    type?: string
    row?: { readonly table: string; readonly key: string }
    command?: string
    text: string
  } = { text: '' }
  const text: string[] = []
  for (const word of line.trim().split(/\s+/)) {
    const [, name, value = ''] = /^(type|row|command):(.+)$/.exec(word) ?? []
    const slash = value.indexOf('/')
    if (name === 'row' && slash > 0) filter.row = { table: value.slice(0, slash), key: value.slice(slash + 1) }
    else if (name === 'type') filter.type = value
    else if (name === 'command') filter.command = value
    else if (word) text.push(word.toLowerCase())
  }
  filter.text = text.join(' ')
  return filter.text || filter.type || filter.row || filter.command ? filter : undefined
}

/** Tests the text of a record before it is parsed. False only if no event in it can match. */
export const mayFit = ({ command, text }: Filter): ((body: string) => boolean) => {
  // JSON escapes quotes and line breaks.
  const plain = /^[^"\\\n\r\t]*$/.test(text) ? text : ''
  return (body) => (!command || body.includes(command)) && (!plain || body.toLowerCase().includes(plain))
}

export function fits({ type, command, text }: Filter, { event }: LogEntry): boolean {
  if (!event) return false
  if (type && event.type !== type) return false
  if (command && event.commandId !== command) return false
  if (!text) return true
  return `${event.type} ${JSON.stringify([event.data, event.meta])}`.toLowerCase().includes(text)
}

/** Converts a typed key. Returns a number if a row has that number as its key, or if the keys of the table are numbers. */
export function keyOfText(engine: InspectedEngine, table: string, text: string): Key {
  // Only a table has `has`. A value does not.
  const read = engine.read[table] as { has?(key: Key): boolean } | undefined
  const isNumber = text !== '' && Number.isFinite(Number(text))
  return isNumber && read?.has?.(Number(text)) && !read.has(text) ? Number(text) : text
}
