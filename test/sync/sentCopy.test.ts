import { defineRemote } from 'tidemark/sync'
import { memoryRemote } from 'tidemark/testing'
import { expect, test } from 'vitest'
import { tab } from '../engine/kit.ts'
import { disk, filesOf, lose, mirrored, tail } from '../engine/mirrored.ts'
import { freshName, shown } from '../engine/todos.ts'
import { dump } from '../log/storage.ts'

const LOG = 'shared'
const soon = { timeout: 10_000 }
const sentOf = (name: string) => dump(name, 'sent')
const sentFiles = (name: string) => filesOf(name).filter((file) => file?.endsWith('.sent'))
/** A title of so many characters that three commands fill a file. */
const long = (id: string) => ({ id, title: id.padEnd(15_000, '.') })

async function phone() {
  const server = memoryRemote()
  const network = server.device()
  const options = { remote: defineRemote(() => network(LOG)) }
  const name = freshName()
  const first = await tab(name, {}, options)
  /** Sends commands one by one, and waits until the mirror has them. */
  async function send(one: typeof first, ...todos: { id: string; title: string }[]): Promise<void> {
    for (const todo of todos) {
      const { sequence } = one.status
      await one.dispatch.add(todo)
      await expect.poll(() => one.status, soon).toMatchObject({ sequence: sequence + 1, sync: { pending: 0 } })
    }
    await mirrored(one, one.status.sequence)
  }
  return { server, network, options, name, first, send }
}

/** The files that are written from now on, in their order. */
function watchFiles(name: string): string[] {
  const written: string[] = []
  const { closing } = disk
  disk.closing = (path) => {
    if (path.startsWith(`tidemark-${name}/`)) written.push(path.split('/')[1]!)
    return closing(path)
  }
  return written
}

test('rule 12: own commands that are in the log have a second copy', async () => {
  const { options, name, first, send } = await phone()
  await send(first, { id: 'x', title: 'x' }, { id: 'y', title: 'y' })
  const before = await sentOf(name)
  const rows = shown(first)
  expect(before).toHaveLength(2)
  await lose(name, first)
  const again = await tab(name, {}, options)
  expect(shown(again)).toEqual(rows)
  expect(await sentOf(name)).toEqual(before)
  // The copy goes on.
  await send(again, { id: 'z', title: 'z' })
  const then = await sentOf(name)
  expect(then).toHaveLength(3)
  await lose(name, again)
  await tab(name, {}, options)
  expect(await sentOf(name)).toEqual(then)
})

test('a mirror of before, which has no sent commands, is restored as before', async () => {
  const { options, name, first, send } = await phone()
  await send(first, { id: 'x', title: 'x' })
  const rows = shown(first)
  await lose(name, first)
  for (const file of sentFiles(name)) disk.root.files.delete(`tidemark-${name}/${file}`)
  const again = await tab(name, {}, options)
  expect(shown(again)).toEqual(rows)
  expect(await sentOf(name)).toEqual([])
})

test('a damaged file of sent commands loses only its own commands', async () => {
  const { options, name, first, send } = await phone()
  await send(first, long('a'), long('b'), long('c'), long('d'))
  const before = await sentOf(name)
  await lose(name, first)
  const [oldest] = sentFiles(name)
  disk.root.files.get(`tidemark-${name}/${oldest}`)!.fill(7, 100)
  const again = await tab(name, {}, options)
  expect(again.status.sequence).toBe(4)
  expect(await sentOf(name)).toEqual(before.slice(3))
})

test('a file of sent commands that can not be read keeps neither the restore nor the next mirror from the events', async () => {
  const { options, name, first, send } = await phone()
  await send(first, { id: 'x', title: 'x' })
  const rows = shown(first)
  await lose(name, first)
  const { files } = disk.root
  const get = files.get.bind(files)
  files.get = (path) => {
    if (path.endsWith('.sent')) throw new DOMException('', 'NotReadableError')
    return get(path)
  }
  const again = await tab(name, {}, options)
  expect(shown(again)).toEqual(rows)
  await again.dispatch.add({ id: 'y', title: 'y' })
  await expect.poll(() => again.status.sequence, soon).toBe(2)
  await mirrored(again, 2)
})

test('only the newest file of sent commands is written again, and only if commands were added', async () => {
  const { server, options, name, first, send } = await phone()
  await send(first, ...['a', 'b', 'c', 'd', 'e'].map(long))
  expect(sentFiles(name)).toHaveLength(2)
  const [oldest, newest] = sentFiles(name)
  const written = watchFiles(name)
  await send(first, { id: 'f', title: 'f' })
  expect(written).toContain(newest)
  expect(written).not.toContain(oldest)
  // Commands of another device change the log, but not these files.
  written.length = 0
  const network = server.device()
  const laptop = await tab(freshName(), {}, { remote: defineRemote(() => network(LOG)), mirror: false })
  await laptop.dispatch.add({ id: 'theirs', title: 'theirs' })
  await expect.poll(() => first.status.sequence, soon).toBe(7)
  await mirrored(first, 7)
  expect(written).toContain(tail)
  expect(written.filter((file) => file.endsWith('.sent'))).toEqual([])
  // Another worker finds the files as they are.
  await first.close()
  written.length = 0
  const again = await tab(name, {}, options)
  await mirrored(again, 7)
  await send(again, { id: 'g', title: 'g' })
  expect(written).not.toContain(oldest)
  const all = await sentOf(name)
  await lose(name, again)
  await tab(name, {}, options)
  expect(await sentOf(name)).toEqual(all)
})

test('a command is in the files before its event is, whenever the browser is killed', async () => {
  const { name, first, send } = await phone()
  await send(first, { id: 'x', title: 'x' })
  const written = watchFiles(name)
  await send(first, { id: 'y', title: 'y' })
  const ofCommands = written.findIndex((file) => file.endsWith('.sent'))
  expect(ofCommands).toBeGreaterThanOrEqual(0)
  expect(ofCommands).toBeLessThan(written.indexOf(tail))
})

test('sent commands whose events were not restored are left out, and come again', async () => {
  const { options, name, first, send } = await phone()
  await send(first, { id: 'x', title: 'x' })
  const older = disk.root.files.get(`tidemark-${name}/${tail}`)!
  await send(first, { id: 'y', title: 'y' })
  const before = await sentOf(name)
  await lose(name, first)
  disk.root.files.set(`tidemark-${name}/${tail}`, older)
  const again = await tab(name, {}, { ...options, remote: undefined })
  expect(again.status.sequence).toBe(1)
  expect(await sentOf(name)).toEqual(before.slice(0, 1))
  await again.close()
  const back = await tab(name, {}, options)
  await expect.poll(() => back.status.sequence, soon).toBe(2)
  await send(back, { id: 'z', title: 'z' })
  const all = await sentOf(name)
  await lose(name, back)
  await tab(name, {}, options)
  expect(await sentOf(name)).toEqual(all)
})

test('files of commands that are forgotten are removed', async () => {
  const { name, options, first, send } = await phone()
  await send(first, ...['a', 'b', 'c', 'd'].map(long))
  expect(sentFiles(name)).toHaveLength(2)
  const { inDatabase } = await import('../log/storage.ts')
  await inDatabase(name, (store) => {
    for (const key of [1, 2, 3]) store('sent').delete(key)
  })
  await send(first, { id: 'e', title: 'e' })
  expect(sentFiles(name)).toHaveLength(1)
  const all = await sentOf(name)
  await lose(name, first)
  await tab(name, {}, options)
  expect(await sentOf(name)).toEqual(all)
})
