import { exportLog, importLog } from 'tidemark/tools'
import { expect, test } from 'vitest'
import { openDatabase, seal } from '../../log/rooms.ts'
import { dump } from '../../log/storage.ts'
import { broken, logId, tab } from '../kit.ts'
import { collect, freshName, later, openTab, shown } from '../todos.ts'
import { blobOf, boundaries, bytesOf, chunksOf, written } from './files.ts'

test('an export holds sealed segments as they are, the tail after them and an end', async () => {
  const name = freshName()
  const one = await written(name)
  const file = await bytesOf(exportLog(one))
  const bodies = await dump(name, 'bodies')
  const segments = await dump(name, 'segments')
  expect(segments).toHaveLength(2)
  const chunks = chunksOf(file)
  expect(chunks).toHaveLength(4)
  for (const [i, { value }] of segments.entries())
    expect(chunks[i]).toEqual(bodies.find(({ key }) => key === value.body)!.value)
  const end = JSON.parse(new TextDecoder().decode(chunks.at(-1)))
  expect(end).toMatchObject({ kind: 'end', first: 1, last: one.status.sequence, bytes: 0 })
})

test('what is imported is the same log: events, rows in order, command ids, lineage; the id is new', async () => {
  const name = freshName()
  const one = await written(name)
  const other = await tab(freshName())
  const { sequence } = await importLog(other, blobOf(await bytesOf(exportLog(one))))
  expect(sequence).toBe(one.status.sequence)
  expect(shown(other)).toEqual(shown(one))
  expect(await collect(other.history())).toEqual(await collect(one.history()))
  expect(await other.dispatch.toggle({ id: 't3' }, { commandId: 'toggle 4' })).toMatchObject({ duplicate: true })
  expect(other.status.sequence).toBe(sequence)
  await other.dispatch.add({ id: 'more', title: 'more' })
  expect(other.status.sequence).toBe(sequence + 1)
})

test('exported again it is the same file, byte for byte', async () => {
  const one = await written()
  const file = await bytesOf(exportLog(one))
  const name = freshName()
  const other = await tab(name)
  await importLog(other, blobOf(file))
  expect(await bytesOf(exportLog(other))).toEqual(file)
  const again = await tab(name)
  await other.close()
  expect(shown(again)).toEqual(shown(one))
  expect(await bytesOf(exportLog(again))).toEqual(file)
})

test('an export ends at the head of the call, whatever is appended or sealed while it is read', async () => {
  const name = freshName()
  const one = await written(name, 40, [12])
  const before = await collect(one.history())
  const reader = exportLog(one).getReader()
  const parts = [(await reader.read()).value!]
  await one.dispatch.add({ id: 'late', title: 'late' })
  const database = await openDatabase(name, false)
  expect(await seal(database, one.status.sequence, 20)).toBe(true)
  database.close()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    parts.push(value)
  }
  const other = await tab(freshName())
  await importLog(other, new Blob(parts as Uint8Array<ArrayBuffer>[]))
  expect(await collect(other.history())).toEqual(before)
})

test('an empty log exports an end, and that imports as an empty log', async () => {
  const one = await tab(freshName())
  const file = await bytesOf(exportLog(one))
  expect(boundaries(file)).toHaveLength(2)
  const other = await tab(freshName())
  expect(await importLog(other, blobOf(file))).toEqual({ sequence: 0 })
  await other.dispatch.add({ title: 'first' })
  expect(other.status.sequence).toBe(1)
})

test('a log in memory can be exported and filled', async () => {
  const memory = await openTab(freshName(), {}, { storage: 'memory' })
  await memory.dispatch.add({ id: 'a', title: 'A' }, { commandId: 'first' })
  const file = await bytesOf(exportLog(memory))
  const kept = await tab(freshName())
  await importLog(kept, blobOf(file))
  expect(shown(kept)).toEqual(shown(memory))
  const again = await openTab(freshName(), {}, { storage: 'memory' })
  await importLog(again, blobOf(await bytesOf(exportLog(kept))))
  expect(shown(again)).toEqual(shown(memory))
  expect(await again.dispatch.add({ id: 'a', title: 'A' }, { commandId: 'first' })).toMatchObject({ duplicate: true })
  await memory.close()
  await again.close()
})

test('export and import tell how far they are, and end with the reason of their signal', async () => {
  const one = await written()
  const told: number[] = []
  const file = await bytesOf(
    exportLog(one, {
      onProgress({ phase, done, total }) {
        expect([phase, total]).toEqual(['export', one.status.sequence])
        told.push(done)
      },
    }),
  )
  expect(told.at(-1)).toBe(one.status.sequence)
  expect(told).toEqual([...told].sort((a, b) => a - b))
  const abort = new AbortController()
  const stream = exportLog(one, { signal: abort.signal })
  abort.abort(new RangeError('enough'))
  await expect(bytesOf(stream)).rejects.toThrow('enough')
  const imported: number[] = []
  const other = await tab(freshName())
  await importLog(other, blobOf(file), {
    onProgress({ phase, done, total }) {
      expect([phase, total]).toEqual(['import', file.length])
      imported.push(done)
    },
  })
  expect(imported.at(-1)).toBe(file.length)
})

test('rule 13: tabs that have the empty log open go on with the imported one, and so do their workers', async () => {
  const file = await bytesOf(exportLog(await written()))
  const name = freshName()
  const [one, two] = [await tab(name), await tab(name)]
  await later(50)
  const { sequence } = await importLog(one, blobOf(file))
  await expect.poll(() => two.status.sequence).toBe(sequence)
  expect(shown(two)).toEqual(shown(one))
  await two.dispatch.add({ id: 'from two', title: 'x' })
  await expect.poll(() => one.read.todos.has('from two')).toBe(true)
  await one.dispatch.add({ id: 'from one', title: 'x' })
  await expect.poll(() => two.read.todos.has('from one')).toBe(true)
  await two.projected()
  await expect.poll(() => two.status.projected).toBe(sequence + 2)
})

test('rule 13: a tab that heard nothing of the import finds it when it appends, and takes the new id', async () => {
  const file = await bytesOf(exportLog(await written()))
  const name = freshName()
  const one = await tab(name)
  const deaf = await tab(name)
  const { BroadcastChannel } = globalThis
  // Hints to the other tab are lost.
  const post = BroadcastChannel.prototype.postMessage
  BroadcastChannel.prototype.postMessage = () => {}
  try {
    await importLog(one, blobOf(file))
    await later(20)
    expect(deaf.status.sequence).toBe(0)
    const { sequence } = await deaf.dispatch.add({ id: 'mine', title: 'x' })
    expect(sequence).toBe(one.status.sequence + 1)
  } finally {
    BroadcastChannel.prototype.postMessage = post
  }
  await deaf.dispatch.add({ id: 'heard', title: 'x' })
  await expect.poll(() => one.read.todos.has('heard')).toBe(true)
})

test('a dispatch that is under way when the import becomes visible is decided again on the imported log', async () => {
  const file = await bytesOf(exportLog(await written()))
  const one = await tab(freshName())
  const faults = broken()
  let racing: Promise<unknown> | undefined
  faults.onTransaction = (_, stores, mode) => {
    if (mode === 'readwrite' && stores.includes('bases'))
      racing ??= one.dispatch.addOnce({ id: 't0', title: 'mine' }).catch((error) => error)
  }
  await importLog(one, blobOf(file))
  expect(await racing).toMatchObject({ name: 'CommandRejected', code: 'taken' })
})

test('an id that is new, a lineage that is kept', async () => {
  const from = freshName()
  const one = await written(from)
  const file = await bytesOf(exportLog(one))
  const name = freshName()
  const other = await tab(name)
  const before = await logId(name)
  await importLog(other, blobOf(file))
  const { id, lineage, was } = (await dump(name, 'meta')).find(({ key }) => key === 'log')!.value
  expect(lineage).toBe((await dump(from, 'meta')).find(({ key }) => key === 'log')!.value.lineage)
  expect(was).toBe(before)
  expect([before, await logId(from)]).not.toContain(id)
})
