import { defineEvents, defineModel, event, type Model, openEngine, projection, table, value } from 'tidemark'
import { archive, at, exportLog, importLog, openTable } from 'tidemark/tools'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { abortWith, dump, inDatabase, loseAnswer } from '../../log/storage.ts'
import { broken, logId, quiet, type Tab, tab } from '../kit.ts'
import { collect, freshName, shown, todoApp } from '../todos.ts'
import { blobOf, bytesOf, chunksOf, joined, written } from './files.ts'
import { createLocks } from './locks.ts'

let locks: ReturnType<typeof createLocks>
beforeEach(() => {
  locks = createLocks()
  vi.stubGlobal('navigator', { locks })
})

const headers = (file: Uint8Array<ArrayBuffer>) =>
  chunksOf(file).map((chunk) => {
    const { first, last, kind } = JSON.parse(new TextDecoder().decode(chunk.subarray(0, chunk.indexOf(10))))
    return [first, last, ...(kind ? [kind] : [])]
  })

/** As a user does it: saved, then said so. */
async function taken(one: Tab, before: number) {
  const file = await archive(one, { before })
  const bytes = await bytesOf(file)
  await file.forget()
  return bytes
}

const state = async (one: Tab) => ({ shown: shown(one), events: (await collect(one.history())).length })

test('rule 12: the events before a sequence move into a file, and everything goes on from a base', async () => {
  const name = freshName()
  const one = await written(name, 40, [12])
  const before = shown(one)
  const whole = await collect(one.history())
  const id = await logId(name)
  const file = await bytesOf(await archive(one, { before: 21 }))
  expect(headers(file)).toEqual([
    [1, 12],
    [13, 20],
    [1, 20, 'end'],
  ])
  expect(await logId(name)).not.toBe(id)
  expect(shown(one)).toEqual(before)
  await one.dispatch.add({ id: 'after', title: 'after' })
  await one.close()

  const again = await tab(name)
  expect(again.read.todos.has('after')).toBe(true)
  const left = await collect(again.history())
  expect(left[0]).toMatchObject({ sequence: 21 })
  expect(left.slice(0, -1)).toEqual(whole.slice(20))
  expect((await collect(again.history({ reverse: true }))).reverse()).toEqual(left)
  expect(await collect(again.history({ after: 3, limit: 2 }))).toEqual(left.slice(0, 2))
  expect(await collect(again.history({ table: 'todos', key: 't28' }))).toEqual(
    whole.filter(({ sequence, data }) => sequence > 20 && (data as { id: string }).id === 't28'),
  )
})

test('boot without pages and a rebuild start at the base and give the same rows in the same order', async () => {
  const name = freshName()
  const one = await written(name, 40, [12])
  await one.dispatch.remove({ id: 't0' })
  await one.dispatch.toggle({ id: 't2' })
  await one.dispatch.clearDone()
  await bytesOf(await archive(one, { before: one.status.sequence - 3 }))
  const before = shown(one)
  await one.rebuild()
  expect(shown(one)).toEqual(before)
  await one.close()
  expect(shown(await tab(name))).toEqual(before)
  await quiet()
  await inDatabase(name, (store) => {
    store('pages').clear()
    store('checkpoints').clear()
  })
  const folded = await tab(name)
  expect(shown(folded)).toEqual(before)
  await folded.projected()
  await folded.close()
  expect(shown(await tab(name))).toEqual(before)
})

test('a command id from before the base is still answered as it was', async () => {
  const one = await written(freshName(), 40, [12])
  await bytesOf(await archive(one, { before: 40 }))
  const { sequence } = one.status
  expect(await one.dispatch.toggle({ id: 't3' }, { commandId: 'toggle 4' })).toMatchObject({ duplicate: true })
  await expect(one.dispatch.toggle({ id: 't2' }, { commandId: 'toggle 4' })).rejects.toMatchObject({
    name: 'CommandIdConflict',
  })
  expect(one.status.sequence).toBe(sequence)
})

test("a projection version without a base is failed('archived'), and the others go on", async () => {
  const name = freshName()
  const one = await written(name, 40, [12])
  await bytesOf(await archive(one, { before: 21 }))
  await one.close()
  const newer = await tab(name, { version: 2 })
  expect(newer.status.projections.titles).toMatchObject({ state: 'failed', sequence: 20 })
  expect(String(newer.status.projections.titles.error?.cause)).toContain('archived')
  expect(newer.read.todos.all()).toEqual(one.read.todos.all())
  await newer.dispatch.add({ id: 'new', title: 'new' })
  await newer.projected()
  await newer.close()
  const later = await tab(name, { version: 2 })
  expect(later.status.projections.titles.state).toBe('failed')
  expect(later.read.todos.has('new')).toBe(true)
})

test('the archive files and an export make the whole log again, in a new one', async () => {
  const name = freshName()
  const one = await written(name, 40, [12])
  const whole = await collect(one.history())
  const first = await taken(one, 15)
  const second = await bytesOf(await archive(one, { before: 31 }))
  const rest = await bytesOf(exportLog(one))
  expect(headers(second).at(-1)).toEqual([15, 30, 'end'])
  expect(headers(rest).filter(([, , kind]) => kind === 'base').length).toBeGreaterThan(3)

  const again = await tab(freshName(), { version: 2 })
  await importLog(again, [first, second, rest].map(blobOf))
  expect(await collect(again.history())).toEqual(whole)
  expect(shown(again)).toEqual(shown(one))
  expect(again.status.projections.titles.state).toBe('ready')
  expect(await again.dispatch.toggle({ id: 't3' }, { commandId: 'toggle 4' })).toMatchObject({ duplicate: true })

  const streamed = await tab(freshName())
  await importLog(streamed, blobOf(joined(first, second, rest)).stream())
  expect(await collect(streamed.history())).toEqual(whole)

  for (const files of [
    [second, first, rest],
    [first, rest],
    [second, rest],
    [first, first, second, rest],
    [rest, second],
  ])
    await expect(importLog(await tab(freshName()), files.map(blobOf))).rejects.toMatchObject({ name: 'ImportError' })
})

test('an export of an archived log is a log of its own: the same base, rows and command ids', async () => {
  const one = await written(freshName(), 40, [12])
  await bytesOf(await archive(one, { before: 21 }))
  const file = await bytesOf(exportLog(one))
  const name = freshName()
  const [other, beside] = [await tab(name), await tab(name)]
  await importLog(other, blobOf(file))
  expect(await state(other)).toEqual(await state(one))
  await expect.poll(() => beside.status.sequence).toBe(one.status.sequence)
  expect(shown(beside)).toEqual(shown(one))
  expect(await other.dispatch.toggle({ id: 't3' }, { commandId: 'toggle 4' })).toMatchObject({ duplicate: true })
  await other.dispatch.add({ id: 'more', title: 'more' })
  await other.rebuild()
  await other.projected()
  await other.close()
  await beside.close()
  const again = await tab(name)
  expect(again.read.todos.all().slice(0, -1)).toEqual(one.read.todos.all())
  expect((await collect(again.history()))[0]).toMatchObject({ sequence: 21 })
})

test('a past view begins at the base', async () => {
  const one = await written(freshName(), 40, [12])
  await bytesOf(await archive(one, { before: 21 }))
  const past = await at(one, 20)
  expect(past.read.todos.size).toBeGreaterThan(5)
  await past.move(one.status.sequence)
  expect(past.read.todos.all()).toEqual(one.read.todos.all())
  await expect(at(one, 19)).rejects.toThrow(RangeError)
})

test('before a date: up to the first event that is not older', async () => {
  const name = freshName()
  const one = await written(name, 20, [])
  const events = await collect(one.history())
  const file = await bytesOf(await archive(one, { before: new Date(events.at(-1)!.at + 1) }))
  expect(headers(file).at(-1)).toEqual([1, one.status.sequence, 'end'])
  expect(await collect(one.history())).toEqual([])
  await one.dispatch.add({ title: 'more' })
  await one.close()
  expect((await tab(name)).status.sequence).toBe(events.length + 1)
})

test('a sealed segment is not split: less is taken', async () => {
  const one = await written(freshName(), 40, [12, 24])
  const file = await bytesOf(await archive(one, { before: 21 }))
  expect(headers(file)).toEqual([
    [1, 12],
    [1, 12, 'end'],
  ])
  expect((await collect(one.history()))[0]).toMatchObject({ sequence: 13 })
})

test('nothing to archive is a file without events', async () => {
  const one = await written(freshName(), 40, [12])
  const file = await bytesOf(await archive(one, { before: 1 }))
  expect(headers(file)).toEqual([[1, 0, 'end']])
  expect((await collect(one.history()))[0]).toMatchObject({ sequence: 1 })
})

describe('rule 12: archive is alone, or refuses', () => {
  test('while another tab has the log open, and says who', async () => {
    const name = freshName()
    const one = await written(name, 40, [12])
    const other = await tab(name)
    await quiet()
    await expect(archive(one, { before: 21 })).rejects.toMatchObject({
      name: 'StorageError',
      kind: 'unavailable',
      message: expect.stringMatching(/1 more have .* open \(client \d+\)/),
    })
    expect((await collect(one.history()))[0]).toMatchObject({ sequence: 1 })
    await other.close()
    await bytesOf(await archive(one, { before: 21 }))
    expect((await collect(one.history()))[0]).toMatchObject({ sequence: 21 })
  })

  test('if a tab opens the log during the archive', async () => {
    const name = freshName()
    const one = await written(name, 40, [12])
    let late: Promise<Tab> | undefined
    await expect(
      archive(one, {
        before: 21,
        onProgress: () => {
          late ??= tab(name)
          locks.request(`tidemark/log/${name}`, { mode: 'shared' }, () => {})
        },
      }),
    ).rejects.toMatchObject({ kind: 'unavailable' })
    const tabTwo = (await late)!
    await tabTwo.dispatch.add({ id: 'late', title: 'late' })
    await expect.poll(() => one.read.todos.has('late')).toBe(true)
  })

  test('if there are no Web Locks', async () => {
    vi.stubGlobal('navigator', {})
    const one = await written(freshName(), 40, [12])
    await expect(archive(one, { before: 21 })).rejects.toMatchObject({ kind: 'unavailable' })
  })

  test('in memory', async () => {
    const one = await openEngine(todoApp(), { storage: 'memory' })
    await expect(archive(one, { before: 21 })).rejects.toMatchObject({ kind: 'unavailable' })
    await one.close()
  })

  test('with a projection that failed: it could never be repaired', async () => {
    const name = freshName()
    const one = await tab(name, { poison: 'bad' })
    const other = await tab(name)
    await other.dispatch.add({ title: 'bad' })
    await other.dispatch.add({ title: 'good' })
    await expect.poll(() => one.status.projections.titles.state).toBe('failed')
    await other.close()
    await expect(archive(one, { before: 2 })).rejects.toMatchObject({ name: 'ProjectionFailed', projection: 'titles' })
  })
})

test('rows that JSON would change keep a log from being archived, and the projection is named', async () => {
  const app = todoApp() as unknown as Model<any, any, any>
  const { projections } = app as unknown as { projections: Record<string, any> }
  const odd = {
    ...app,
    projections: {
      ...projections,
      titles: {
        ...projections.titles,
        evolve: { todoAdded: (_: unknown, { data }: any) => ({ title: data.title, at: new Date(0) }) },
      },
    },
  }
  const name = freshName()
  const one = await openEngine(odd as Model<any, any, any>, { name })
  for (let i = 0; i < 5; i++) await (one.dispatch as any).add({ title: `t${i}` })
  await expect(archive(one, { before: 4 })).rejects.toMatchObject({
    name: 'InvalidData',
    message: expect.stringContaining('"titles"'),
  })
  expect((await collect(one.history())).length).toBe(5)
  await one.close()
})

test('a past view folds nothing into a projection without a base', async () => {
  const name = freshName()
  const one = await written(name, 40, [12])
  await bytesOf(await archive(one, { before: 21 }))
  await one.close()
  const newer = await tab(name, { version: 2 })
  const past = await at(newer, newer.status.sequence)
  expect(past.read.todos.all()).toEqual(newer.read.todos.all())
  expect(past.read.titles.all()).toEqual(newer.read.titles.all())
  await past.move(20)
  expect(past.read.titles.size).toBe(0)
})

test('moved events stay stored until forget() is called, and the next file begins with them', async () => {
  const name = freshName()
  const one = await written(name, 40, [12])
  const whole = await collect(one.history())
  const left = await archive(one, { before: 15 })
  const reader = left.getReader()
  await reader.read()
  await reader.cancel()
  await expect(left.forget()).rejects.toMatchObject({ name: 'StorageError', kind: 'aborted' })
  // Read to its end, but what it was written to did not close: a full disk, a crash.
  const full = new WritableStream({
    close() {
      throw new Error('full')
    },
  })
  await expect((await archive(one, { before: 15 })).pipeTo(full)).rejects.toThrow('full')
  await one.close()
  const again = await tab(name)
  const file = await archive(again, { before: 31 })
  const bytes = await bytesOf(file)
  expect(headers(bytes).at(-1)).toEqual([1, 30, 'end'])
  const other = await tab(freshName())
  await importLog(other, [bytes, await bytesOf(exportLog(again))].map(blobOf))
  expect(await collect(other.history())).toEqual(whole)

  await file.forget()
  await file.forget()
  expect((await dump(name, 'meta')).map(({ key }) => key)).not.toContain('archived')
  const segments = await dump(name, 'segments')
  const bases = await dump(name, 'bases')
  expect(await dump(name, 'bodies')).toHaveLength(segments.length - 1 + bases.length)
  expect(headers(await taken(again, 31))).toEqual([[31, 30, 'end']])
})

test('forget() deletes only the events of its file, not those that were moved later', async () => {
  const one = await written(freshName(), 40, [12])
  const first = await archive(one, { before: 15 })
  await bytesOf(first)
  const second = await bytesOf(await archive(one, { before: 31 }))
  expect(headers(second).at(-1)).toEqual([1, 30, 'end'])
  await first.forget()
  expect(headers(await taken(one, 31)).at(-1)).toEqual([15, 30, 'end'])
})

test('an archive that fails at any of its transactions has moved nothing or everything', async () => {
  let last = 0
  for (let step = 0; last === step; step++)
    for (const fault of ['aborted', 'answer lost'] as const) {
      const name = freshName()
      const one = await written(name, 20, [8])
      const whole = await collect(one.history())
      const before = shown(one)
      await quiet(50)
      const faults = broken()
      let writes = 0
      faults.onTransaction = (transaction, stores, mode) => {
        if (mode !== 'readwrite' || !stores.includes('bodies') || writes++ !== step) return
        last = step + 1
        if (fault === 'aborted') abortWith(transaction, 'AbortError')
        else loseAnswer(transaction)
      }
      const stream = await archive(one, { before: 15 }).catch((error) => error)
      let file = stream instanceof Error ? undefined : await bytesOf(stream)
      if (file) await stream.forget().catch(() => {})
      faults.stop()
      await one.close()
      const again = await tab(name)
      expect(shown(again), `step ${step}, ${fault}`).toEqual(before)
      file ??= await bytesOf(await archive(again, { before: 15 }))
      await again.rebuild()
      expect(shown(again), `step ${step}, ${fault}`).toEqual(before)
      const other = await tab(freshName())
      const all = [file, await bytesOf(exportLog(again))]
      await importLog(other, all.map(blobOf)).catch((error) => {
        throw new Error(`step ${step}, ${fault}: ${error}`)
      })
      expect(await collect(other.history()), `step ${step}, ${fault}`).toEqual(whole)
      await again.close()
      await other.close()
    }
  expect(last).toBe(3)
}, 60_000)

test('rule 18: an on-disk table goes on from its checkpoint, and a new one is made from the base', async () => {
  const events = defineEvents({ noted: event<{ id: string; text: string }>(), erased: event<{ id: string }>() })
  const app = () =>
    defineModel({
      name: 'notes',
      events,
      projections: {
        notes: projection(events, {
          into: table<{ id: string; text: string }>('id', { resident: false, indexes: ['text'] }),
          evolve: { noted: (_, { data }) => data, erased: () => null },
        }),
        count: projection(events, { into: value(0), evolve: { noted: (n) => n + 1 } }),
      },
      commands: {
        note: (_, data: { id: string; text: string }) => events.noted(data),
        erase: (_, data: { id: string }) => events.erased(data),
      },
    })
  const name = freshName()
  const open = () => openEngine(app(), { name })
  const one = await open()
  for (let i = 0; i < 12; i++) await one.dispatch.note({ id: `n${i}`, text: `t${i % 3}` })
  await one.dispatch.erase({ id: 'n1' })
  await bytesOf(await archive(one, { before: 100 }))
  const rows = async (engine: Awaited<ReturnType<typeof open>>) => {
    await engine.projected()
    return (await openTable(engine, 'notes')).orderBy('id').toArray()
  }
  const before = await rows(one)
  expect(before).toHaveLength(11)
  await one.close()
  const two = await open()
  expect(await rows(two)).toEqual(before)
  await two.dispatch.note({ id: 'n99', text: 'after' })
  const after = await rows(two)
  await two.rebuild()
  expect(await rows(two)).toEqual(after)
  const file = await bytesOf(exportLog(two))
  await two.close()
  const three = await openEngine(app(), { name: freshName() })
  await importLog(three, blobOf(file))
  expect(await rows(three)).toEqual(after)
  await three.close()
})
