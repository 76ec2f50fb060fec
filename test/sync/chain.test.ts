import { expect, test } from 'vitest'
import { BEGINNING } from '../../src/log/local.ts'
import { derive } from '../../src/sync/chain.ts'
import { openMessage, packMessage } from '../../src/sync/message.ts'
import { createPace } from '../../src/sync/pace.ts'

const record = (id: string, first: number, count = 1) => ({
  id,
  first,
  last: first + count - 1,
  body: JSON.stringify([{ id: `c-${id}`, at: 1, events: Array.from({ length: count }, () => ({ type: 'x' })) }]),
})
const message = (after: string, ...records: ReturnType<typeof record>[]) =>
  packMessage(records, { after, lineage: 'lineage' })
const read = (messages: readonly Uint8Array[]) =>
  Promise.all(messages.map(async (one, i) => ({ position: String(i + 1), opened: await openMessage(one) })))

test('a message unpacks to its commits; small messages are plain text, large ones gzip', async () => {
  const small = await message('before', record('a', 5, 2))
  expect(new TextDecoder().decode(small)).toMatch(/^{"v":1,"id":"a","after":"before".*"codec":"json"/)
  // The message of one command has at most 400 bytes besides its body.
  expect(small.length - record('a', 5, 2).body.length).toBeLessThanOrEqual(400)
  expect(await openMessage(small)).toMatchObject({
    is: 'message',
    id: 'a',
    header: { after: 'before', first: 5, last: 6 },
    commits: [{ record: record('a', 5, 2) }],
  })
  const many = Array.from({ length: 200 }, (_, i) => record(`r${i}`, i + 1))
  const large = await message('', ...many)
  expect(await openMessage(large)).toMatchObject({
    header: { codec: 'gzip' },
    commits: many.map((record) => ({ record })),
  })
})

test('bytes that were cut, edited or invented are reported as no message, and reading them never throws', async () => {
  const whole = await message('', record('a', 1))
  const large = await message('', ...Array.from({ length: 100 }, (_, i) => record(`r${i}`, i + 1)))
  const text = new TextDecoder().decode(whole)
  const edited = [
    text.replace('"first":1', '"first":2'),
    text.replace('c-a', 'c-b'),
    text.slice(0, -1),
    '',
    '\n',
    '{}\n',
  ]
  for (const one of [...edited.map((one) => new TextEncoder().encode(one)), large.slice(0, -4), new Uint8Array(9)])
    expect(await openMessage(one)).toMatchObject({ is: 'no message' })
  // Complete messages that a correct writer never writes: a command twice, a gap, no commands, a wrong `last`.
  const twice = {
    ...record('a', 1, 2),
    body: JSON.stringify([0, 1].map(() => ({ id: 'c', at: 1, events: [{ type: 'x' }] }))),
  }
  const gap = [record('a', 1), record('b', 3)]
  for (const records of [[twice], gap, [{ ...record('a', 1), body: '[]' }], [{ ...record('a', 1), last: 9 }]])
    expect(await openMessage(await packMessage(records, { after: '', lineage: '' }))).toMatchObject({
      is: 'no message',
    })
})

test('a message is part of the log only if it names the commit before it: late, repeated and foreign messages are skipped', async () => {
  const [a, b, late, afterLate, c] = await Promise.all([
    message('', record('a', 1)),
    message('a', record('b', 2)),
    message('a', record('z', 2)),
    // This message follows the late message: its sequence fits, but the commit that it names is not part of the log.
    message('z', record('y', 3)),
    message('b', record('c', 3)),
  ])
  const messages = await read([a!, new Uint8Array([1, 2]), b!, late!, a!, afterLate!, c!])
  const derived = derive(BEGINNING, messages, 'own')
  expect(derived.commits.map(({ record }) => record.id)).toEqual(['a', 'b', 'c'])
  expect(derived.position).toMatchObject({ position: '7', id: 'c', head: 3, last: 'c' })
  // A reader that continues from a position in between gets the same log.
  const half = derive(BEGINNING, messages.slice(0, 4), 'own')
  expect(derive(half.position, messages.slice(4), 'lineage').commits.map(({ record }) => record.id)).toEqual(['c'])
})

test('a message of a newer build stops the reader if it follows the log, and is skipped otherwise', async () => {
  const newer = (after: string) => new TextEncoder().encode(`{"v":2,"id":"n","after":"${after}"}\n`)
  const a = await message('', record('a', 1))
  expect(derive(BEGINNING, await read([a, newer('a'), a]), '')).toMatchObject({
    newer: 'message format 2',
    position: { position: '1' },
  })
  expect(derive(BEGINNING, await read([a, newer('q'), a]), '')).toMatchObject({
    newer: undefined,
    position: { position: '3' },
  })
})

test('the trail keeps the last 64 positions, and older positions at growing distances', async () => {
  let position = BEGINNING
  for (let i = 1; i <= 1000; i++)
    position = derive(
      position,
      [{ position: String(i), opened: await openMessage(await message(i > 1 ? `r${i - 1}` : '', record(`r${i}`, i))) }],
      'lineage',
    ).position
  expect(position.trail.length).toBeLessThan(80)
  expect(position.trail.slice(0, 64).map(({ head }) => head)).toEqual(Array.from({ length: 64 }, (_, i) => 999 - i))
  expect(position.trail.at(-1)!.head).toBeLessThan(500)
})

test('S11: the more devices write, the longer each waits between two appends; a device that writes alone only gathers commands', () => {
  let now = 0
  const id = (writer: string) => writer.padEnd(22, '.')
  const pace = createPace(
    () => now,
    () => 0.5,
  )
  expect(pace.waitMs()).toBe(0)
  pace.appends(id('me') + 1)
  pace.heard(id('me') + 1)
  pace.appends(id('me') + 2)
  expect(pace.waitMs()).toBe(40)
  now += 40
  expect(pace.waitMs()).toBe(0)
  // The more commands an append held, the longer the device waits, so that the next message holds more.
  pace.appends(id('me') + 2, 5)
  expect(pace.waitMs()).toBe(200)
  pace.appends(id('me') + 2, 500)
  expect(pace.waitMs()).toBe(240)
  now += 240
  expect(pace.waitMs()).toBe(0)
  pace.heard(id('other') + 1)
  pace.heard(id('third') + 1)
  pace.appends(id('me') + 3)
  expect(pace.waitMs()).toBe(1200)
  now += 700
  expect(pace.waitMs()).toBe(500)
  now += 20_000
  pace.appends(id('me') + 4)
  expect(pace.waitMs()).toBe(40)
})
