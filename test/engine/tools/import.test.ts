import fc from 'fast-check'
import { defineEvents, defineModel, event, openEngine } from 'tidemark'
import { exportLog, importLog } from 'tidemark/tools'
import { beforeAll, describe, expect, test } from 'vitest'
import { type CommitRecord, makeChunk, packChunk, recordsOf } from '../../log/rooms.ts'
import { abortWith, dump, loseAnswer } from '../../log/storage.ts'
import { broken, type Tab, tab, traffic } from '../kit.ts'
import { collect, freshName, shown } from '../todos.ts'
import { blobOf, boundaries, bytesOf, chunksOf, joined, written } from './files.ts'

let file: Uint8Array<ArrayBuffer>
let foreign: Uint8Array<ArrayBuffer>
let original: { shown: object; events: readonly unknown[] }

beforeAll(async () => {
  const one = await written()
  file = await bytesOf(exportLog(one))
  original = { shown: shown(one), events: await collect(one.history()) }
  foreign = await bytesOf(exportLog(await written()))
})

/** Expects that nothing of an import is visible or left in the stores. */
async function expectNothing(one: Tab, name: string): Promise<void> {
  expect(one.status.sequence).toBe(0)
  expect(one.read.todos.size).toBe(0)
  for (const store of ['commits', 'segments', 'bodies', 'commands', 'types', 'bases'])
    expect(await dump(name, store), store).toEqual([])
  expect((await dump(name, 'meta')).map(({ key }) => key)).not.toContain('staged')
}

describe('import refuses any edited file', () => {
  const index = fc.nat()
  const edits = fc.oneof(
    fc.record({ edit: fc.constant('flip' as const), at: index, bits: fc.integer({ min: 1, max: 255 }) }),
    fc.record({ edit: fc.constant('cut' as const), at: index }),
    fc.record({ edit: fc.constant('cut out' as const), at: index, to: index }),
    fc.record({
      edit: fc.constant('insert' as const),
      at: index,
      bytes: fc.uint8Array({ minLength: 1, maxLength: 9 }),
    }),
    fc.record({ edit: fc.constant('drop chunk' as const), at: index }),
    fc.record({ edit: fc.constant('swap chunks' as const), at: index, to: index }),
    fc.record({ edit: fc.constant('double chunk' as const), at: index, to: index }),
    fc.record({ edit: fc.constant('chunk of another log' as const), at: index }),
  )
  type Edit = typeof edits extends fc.Arbitrary<infer E> ? E : never

  function edited(change: Edit): Uint8Array<ArrayBuffer> {
    const chunks = chunksOf(file)
    const at = change.at % file.length
    const chunk = change.at % chunks.length
    if (change.edit === 'flip') {
      const bytes = file.slice()
      bytes[at]! ^= change.bits
      return bytes
    }
    if (change.edit === 'cut') return file.slice(0, at)
    if (change.edit === 'cut out') return joined(file.subarray(0, at), file.subarray(at + 1 + (change.to % 50)))
    if (change.edit === 'insert') return joined(file.subarray(0, at), change.bytes, file.subarray(at))
    if (change.edit === 'drop chunk') chunks.splice(chunk, 1)
    else if (change.edit === 'chunk of another log') chunks[chunk] = chunksOf(foreign)[chunk]!
    else {
      const moved = chunks[chunk]!
      if (change.edit === 'swap chunks') chunks.splice(chunk, 1)
      chunks.splice(change.to % (chunks.length + 1), 0, moved)
    }
    return joined(...chunks)
  }

  test('and leaves nothing of it', async () => {
    const name = freshName()
    const one = await tab(name)
    await fc.assert(
      fc.asyncProperty(edits, async (change) => {
        const bytes = edited(change)
        fc.pre(Buffer.compare(bytes, file) !== 0)
        const error = await importLog(one, blobOf(bytes)).catch((error) => error)
        expect(error).toMatchObject({ name: 'ImportError', line: expect.any(Number), reason: expect.any(String) })
        expect(error.line).toBeGreaterThan(0)
        expect(error.line).toBeLessThanOrEqual(chunksOf(file).length + 2)
        await expectNothing(one, name)
      }),
      { numRuns: 250 },
    )
    // It was not the tab: the file as it is goes in.
    await importLog(one, blobOf(file))
    expect(shown(one)).toEqual(original.shown)
  }, 60_000)

  test('cut at the end of a chunk, too: the end is missing', async () => {
    const name = freshName()
    const one = await tab(name)
    for (const at of boundaries(file).slice(0, -1)) {
      await expect(importLog(one, blobOf(file.slice(0, at)))).rejects.toMatchObject({
        name: 'ImportError',
        reason: expect.stringContaining('cut'),
      })
      await expectNothing(one, name)
    }
  })

  test('and one whose checksums were made to fit, with what is wrong and where', async () => {
    const name = freshName()
    const one = await tab(name)
    const identity = { id: 'log', lineage: 'lineage', format: 1 } as const
    const commit = (first: number, commands: unknown, last = first): CommitRecord => ({
      id: `c${first}`,
      first,
      last,
      body: typeof commands === 'string' ? commands : JSON.stringify(commands),
    })
    const command = (id: string, type = 'todoAdded') => ({
      id,
      fingerprint: 'f',
      at: 1,
      events: [{ type, data: { id, title: id } }],
    })
    const end = (last: number) => makeChunk({ log: 'log', lineage: 'lineage', first: 1, last, kind: 'end' }, [])
    const good = commit(1, [command('a')])
    for (const [records, line, reason] of [
      [[[good, commit(3, [command('b')])]], 1, 'not the next commit at 2'],
      [[[good], [commit(3, [command('b')])]], 2, 'holds 3 to 3, but 2 comes next'],
      [[[commit(2, [command('b')])]], 1, 'begins at 2: the archive files before it are missing'],
      [[[good], [commit(2, [command('a')])]], 2, 'the command id "a" is used twice'],
      [[[good, commit(2, [command('b'), command('b')], 3)]], 1, 'the command id "b" is used twice'],
      [[[good, commit(2, [command('b')], 3)]], 1, "the commit's numbers do not add up"],
      [[[good, commit(2, '[{"id":"b","at":1,"events":[{"type":"todoAdded"}')]], 1, "the commit at 2 can't be read"],
      [[[good, commit(2, [{ id: 'b', at: 'now', events: [] }])]], 1, 'not a command at 2'],
      [[[good, commit(2, [{ id: 'b', at: 1, events: [{ data: {} }] }])]], 1, 'not an event at 2'],
      [[[{ ...good, id: 7 as never }]], 1, 'not the next commit at 1'],
    ] as [CommitRecord[][], number, string][]) {
      const chunks = await Promise.all([
        ...records.map((part) => packChunk(identity, part)),
        end(records.at(-1)!.at(-1)!.last),
      ])
      await expect(importLog(one, new Blob(chunks.map(({ bytes }) => bytes))), reason).rejects.toMatchObject({
        name: 'ImportError',
        line,
        reason: expect.stringContaining(reason),
      })
      await expectNothing(one, name)
    }
    const lying = await Promise.all([packChunk(identity, [good]), end(2)])
    await expect(importLog(one, new Blob(lying.map(({ bytes }) => bytes)))).rejects.toMatchObject({
      line: 2,
      reason: 'ends as 1 to 2, but holds 1 to 1',
    })
  })
})

test('a file with an event that this model does not know is for a newer build', async () => {
  const events = defineEvents({ todoAdded: event<{ id: string; title: string }>() })
  const model = defineModel({ name: 'old', events, projections: {}, commands: {} })
  const name = freshName()
  const one = await openEngine(model, { name })
  await expect(importLog(one, blobOf(file))).rejects.toMatchObject({
    name: 'OutdatedCodeError',
    type: 'todoToggled',
    version: 1,
  })
  expect(await dump(name, 'bodies')).toEqual([])
  expect(one.status).toMatchObject({ state: 'ready', sequence: 0 })
  await one.close()
})

test('a log that is not empty is left alone', async () => {
  const one = await tab(freshName())
  await one.dispatch.add({ title: 'mine' })
  const before = shown(one)
  await expect(importLog(one, blobOf(file))).rejects.toMatchObject({
    name: 'ImportError',
    reason: expect.stringContaining('not empty'),
  })
  expect(shown(one)).toEqual(before)
})

test('a log that gets its first event while the file is read is left alone', async () => {
  const name = freshName()
  const one = await tab(name)
  const [first, ...rest] = chunksOf(file)
  const stream = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        if (rest.length === 3) {
          controller.enqueue(first!)
          return void rest.unshift(new Uint8Array())
        }
        if (rest.length === 4) await one.dispatch.add({ id: 'mine', title: 'mine' })
        const next = rest.shift()
        if (next) controller.enqueue(next)
        else controller.close()
      },
    },
    { highWaterMark: 0 },
  )
  await expect(importLog(one, stream)).rejects.toMatchObject({ name: 'ImportError' })
  expect(one.read.todos.all().map(({ id }) => id)).toEqual(['mine'])
  expect(await dump(name, 'bodies')).toEqual([])
  expect(await dump(name, 'segments')).toEqual([])
})

describe('an import that was interrupted', () => {
  const puts = (requests: readonly string[]): number => requests.filter((one) => one === 'put bodies').length

  test('is taken up by the next one, which writes only what is missing', async () => {
    const name = freshName()
    const one = await tab(name)
    const abort = new AbortController()
    await expect(
      importLog(one, blobOf(file), {
        signal: abort.signal,
        onProgress: ({ done }) => done >= boundaries(file)[2]! && abort.abort(new RangeError('enough')),
      }),
    ).rejects.toThrow('enough')
    expect(one.status.sequence).toBe(0)
    await one.close()
    const again = await tab(name)
    const watched = traffic()
    await importLog(again, blobOf(file))
    expect(puts(watched.requests)).toBe(2)
    expect(shown(again)).toEqual(original.shown)
    expect(await collect(again.history())).toEqual(original.events)
    expect(await dump(name, 'bodies')).toHaveLength(3)
  })

  test('is replaced by an import of another file', async () => {
    const name = freshName()
    const one = await tab(name)
    const abort = new AbortController()
    const stopped = importLog(one, blobOf(foreign), {
      signal: abort.signal,
      onProgress: ({ done }) => done >= boundaries(foreign)[2]! && abort.abort(),
    })
    await expect(stopped).rejects.toMatchObject({ name: 'AbortError' })
    expect(await dump(name, 'bodies')).toHaveLength(4)
    await importLog(one, blobOf(file))
    expect(shown(one)).toEqual(original.shown)
    expect(await dump(name, 'bodies')).toHaveLength(3)
  })

  test('at any of its transactions has shown nothing or everything, and can be taken up', async () => {
    let last = 0
    for (let step = 0; last === step; step++) {
      for (const fault of ['aborted', 'answer lost'] as const) {
        const name = freshName()
        const one = await tab(name)
        await one.dispatch.nothing()
        const faults = broken()
        let writes = 0
        faults.onTransaction = (transaction, stores, mode) => {
          if (mode !== 'readwrite' || !stores.includes('bodies') || writes++ !== step) return
          last = step + 1
          if (fault === 'aborted') abortWith(transaction, 'AbortError')
          else loseAnswer(transaction)
        }
        const outcome = await importLog(one, blobOf(file)).catch((error) => error)
        faults.stop()
        await one.close()
        const again = await tab(name)
        if (again.status.sequence === 0) {
          expect(outcome, `step ${step}, ${fault}`).toBeInstanceOf(Error)
          await importLog(again, blobOf(file))
        }
        expect(shown(again), `step ${step}, ${fault}`).toEqual(original.shown)
        expect(await collect(again.history())).toEqual(original.events)
        expect(await dump(name, 'bodies')).toHaveLength(3)
        await again.close()
      }
    }
    expect(last).toBe(5)
  }, 60_000)

  test('by another import of the same log rejects, and one of the two is visible', async () => {
    const name = freshName()
    const [one, two] = [await tab(name), await tab(name)]
    const outcomes = await Promise.allSettled([importLog(one, blobOf(file)), importLog(two, blobOf(foreign))])
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    await expect.poll(() => [one.status.sequence, two.status.sequence]).toEqual([48, 48])
    expect(shown(one)).toEqual(shown(two))
    expect(await dump(name, 'bodies')).toHaveLength(3)
  })
})

test('records keep all fields, also unknown ones', async () => {
  const identity = { id: 'log', lineage: 'lineage', format: 1 } as const
  const records = [
    {
      id: 'c1',
      first: 1,
      last: 1,
      body: '[{"id":"a","at":1,"later":1,"events":[{"type":"doneCleared"}]}]',
      device: 'x',
    },
  ]
  const end = await makeChunk({ log: 'log', lineage: 'lineage', first: 1, last: 1, kind: 'end' }, [])
  const one = await tab(freshName())
  await importLog(one, new Blob([(await packChunk(identity, records)).bytes, end.bytes]))
  const [chunk] = chunksOf(await bytesOf(exportLog(one)))
  const header = JSON.parse(new TextDecoder().decode(chunk!.subarray(0, chunk!.indexOf(10))))
  expect(await recordsOf({ header, bytes: chunk! })).toEqual(records)
})
