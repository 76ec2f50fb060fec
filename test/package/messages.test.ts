import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { messages, messagesIn } from './messages.ts'
import { root } from './run.ts'

/** Parts of longer messages, which the sources write as separate texts. */
const PARTS = [
  'an object with other properties',
  'an object was thrown',
  'not an Error',
  'what structured clone refuses (a proxy of a framework?)',
  'an instance of a class',
  'getTime() or toISOString()',
  'a list of its entries',
  'a list of its values',
  'the given events',
  'white space, and the characters . * > / \\',
  'white space, the characters * and >, and empty parts',
]
/** Messages of the panel after a success. */
const SUCCESSES = ['Copied to the clipboard.', 'The browser keeps this storage.', '… is sent again.']
const isPart = (message: string): boolean =>
  [...PARTS, ...SUCCESSES].includes(message) ||
  // A subject of NATS is not a message.
  message.startsWith('$JS.API.') ||
  /^(an instance of|the step to version) …+$|(something outside evolve|what evolve\.… returned( as row …)?)$/.test(
    message,
  )

const page = readFileSync(join(root, 'demo/guide/troubleshooting.md'), 'utf8')
/** The quotes in the first column of a table. */
const quoted = [...page.matchAll(/^\| (`+) ?(.+?) ?\1 +\|/gm)].map(([, , text = '']) => text)
const classes = /^[A-Z]\w+$/

it('the guide explains every message of the sources', () => {
  const all = [...messages()].flatMap(([file, texts]) =>
    texts.filter((text) => !isPart(text)).map((text) => ({ file, text })),
  )
  expect(all.length).toBeGreaterThan(100)
  const missing = all.filter(({ text }) => !quoted.some((quote) => text.includes(quote)))
  expect(missing.map(({ file, text }) => `${file}: ${text}`)).toEqual([])
})

it('the guide explains no message that the sources no longer have', () => {
  const all = [...messages().values()].flat()
  const unknown = quoted.filter((quote) => !classes.test(quote) && !all.some((text) => text.includes(quote)))
  expect(unknown).toEqual([])
})

it('finds a message in any syntax', () => {
  const code = "throw new Error('no ' + a + ' here: ' + (b ? `try that again` : `give up at last`))"
  expect(messagesIn(code, 'a.ts')).toEqual(['no … here: try that again', 'no … here: give up at last'])
})
