import { destroy, persist, verify } from 'tidemark/tools'
import { expect, test, vi } from 'vitest'
import { dump, inDatabase } from '../../log/storage.ts'
import { tab } from '../kit.ts'
import { freshName, later } from '../todos.ts'
import { written } from './files.ts'

test('verify finds nothing where what is persisted is what the log says', async () => {
  const one = await written()
  const done: number[] = []
  expect(await verify(one, { onProgress: (progress) => done.push(progress.done) })).toEqual([])
  expect(done.at(-1)).toBe(one.status.sequence)
})

test('verify names each row that was changed, is missing, is too many or stands elsewhere', async () => {
  const name = freshName()
  const one = await written(name)
  const [page] = (await dump(name, 'pages')).filter(({ key }) => key[0].startsWith('todos'))
  const { rows } = page!.value
  const [first, second, third, fourth] = rows
  rows[0] = { ...first, title: 'edited' }
  rows[1] = { ...second, id: 'other' }
  rows[2] = fourth
  rows[3] = third
  await inDatabase(name, (store) => store('pages').put(page!.value, page!.key))
  const found = await verify(one)
  expect(found).toHaveLength(5)
  expect(found).toEqual(
    expect.arrayContaining([
      { projection: 'todos', key: first.id, persisted: { ...first, title: 'edited' }, folded: first },
      { projection: 'todos', key: second.id, persisted: undefined, folded: second },
      { projection: 'todos', key: third.id, persisted: third, folded: third },
      { projection: 'todos', key: fourth.id, persisted: fourth, folded: fourth },
      { projection: 'todos', key: 'other', persisted: { ...second, id: 'other' }, folded: undefined },
    ]),
  )
  await one.rebuild()
  expect(await verify(one)).toEqual([])
})

test('verify compares up to the checkpoint, whatever was appended since, and ends with the reason of its signal', async () => {
  const one = await written()
  await one.dispatch.add({ title: 'since' })
  expect(await verify(one)).toEqual([])
  await expect(verify(one, { signal: AbortSignal.abort(new RangeError('enough')) })).rejects.toThrow('enough')
})

test('destroy closes the log in every tab and deletes it', async () => {
  const name = freshName()
  const [one, two] = [await written(name), await tab(name)]
  await later(50)
  await destroy(one)
  await expect.poll(() => two.status.state).toBe('closed')
  for (const each of [one, two])
    await expect(each.dispatch.add({ title: 'late' })).rejects.toMatchObject({
      name: 'EngineClosed',
      reason: 'destroyed',
    })
  expect((await indexedDB.databases()).map((one) => one.name)).not.toContain(`tidemark:${name}`)
  expect((await tab(name)).status.sequence).toBe(0)
})

test('persist says what the browser answers, and false where it has no such thing', async () => {
  expect(await persist()).toBe(false)
  vi.stubGlobal('navigator', { storage: { persist: async () => true } })
  expect(await persist()).toBe(true)
})
