import { openEngine } from 'tidemark'
import { expect, test } from 'vitest'
import { logId, quiet, tab } from './kit.ts'
import { freshName, later, todoApp } from './todos.ts'

test('the first change tells synchronously, the others of the turn are told together in one microtask', async () => {
  const a = await tab(freshName())
  await quiet(50)
  const seen: number[] = []
  a.subscribe(() => seen.push(a.read.todos.size))
  for (let i = 0; i < 10; i++) a.dispatch.add({ title: 'x' })
  expect(seen).toEqual([1])
  await Promise.resolve()
  expect(seen).toEqual([1, 10])
  await a.dispatch.add({ title: 'last' })
})

test('a single change is told once, not twice', async () => {
  const a = await tab(freshName())
  await quiet(50)
  let told = 0
  a.subscribe(() => told++)
  const sent = a.dispatch.add({ title: 'x' })
  expect(told).toBe(1)
  await Promise.resolve()
  await Promise.resolve()
  expect(told).toBe(1)
  await sent
})

test('a dispatch publishes first and settles then', async () => {
  const a = await tab(freshName())
  const order: string[] = []
  await quiet(50)
  a.subscribe(() => order.push(`told ${a.status.sequence} ${a.status.pending}`))
  await a.dispatch.add({ title: 'x' }).then(() => order.push('settled'))
  expect(order.slice(-2)).toEqual(['told 1 0', 'settled'])
})

test('`read` is a new object per applied batch, `status` per change, and both keep still between', async () => {
  const a = await tab(freshName())
  await quiet(50)
  const [read, status] = [a.read, a.status]
  expect(a.read).toBe(read)
  expect(a.status).toBe(status)
  const sent = a.dispatch.add({ title: 'x' })
  expect(a.read).not.toBe(read)
  expect(a.status).not.toBe(status)
  expect(read.todos.size).toBe(1)
  const after = a.read
  await sent
  expect(a.read.todos).toBe(after.todos)
})

test('rows, all() of an unchanged table and by() of an unchanged bucket keep their identity', async () => {
  const a = await tab(freshName())
  await a.dispatch.addMany({ ids: ['a', 'b'] })
  const { todos, titles } = a.read
  const [all, open, done, words, row] = [
    todos.all(),
    todos.by('done', false),
    todos.by('done', true),
    titles.all(),
    todos.get('a'),
  ]
  await a.dispatch.toggle({ id: 'b' })
  expect(a.read.todos.get('a')).toBe(row)
  expect(a.read.todos.all()).not.toBe(all)
  expect(a.read.titles.all()).toBe(words)
  expect(a.read.todos.by('done', true)).not.toBe(done)
  const again = a.read.todos.by('title', 'a')
  await a.dispatch.toggle({ id: 'b' })
  expect(a.read.todos.by('title', 'a')).toBe(again)
  expect(open).toHaveLength(2)
  expect(Object.isFrozen(all) && Object.isFrozen(row)).toBe(true)
})

test('what was handed out never changes', async () => {
  const a = await tab(freshName())
  await a.dispatch.addMany({ ids: ['a', 'b'] })
  const before = a.read.todos.all()
  const copy = structuredClone(before)
  await a.dispatch.remove({ id: 'a' })
  await a.dispatch.rename({ id: 'b', title: 'other' })
  expect(before).toEqual(copy)
})

test('a listener that throws keeps nobody else from being told', async () => {
  const a = await tab(freshName())
  let told = 0
  const { reportError } = globalThis as any
  ;(globalThis as any).reportError = () => {}
  a.subscribe(() => {
    throw new Error('a mistake of its own')
  })
  a.subscribe(() => told++)
  await a.dispatch.add({ title: 'x' })
  expect(told).toBeGreaterThan(0)
  ;(globalThis as any).reportError = reportError
})

test('unsubscribing ends it, for that subscription only, also from inside a listener', async () => {
  const a = await tab(freshName())
  let told = 0
  const listener = (): void => void told++
  const end = a.subscribe(listener)
  a.subscribe(listener)
  end()
  end()
  const once = a.subscribe(() => once())
  await a.dispatch.add({ title: 'x' })
  expect(told).toBeGreaterThan(0)
})

test('a listener that dispatches gets its command decided on what it sees', async () => {
  const a = await tab(freshName())
  let sent: Promise<unknown> | undefined
  a.subscribe(() => {
    if (a.read.todos.size === 1 && !sent) sent = a.dispatch.add({ title: 'second' })
  })
  await a.dispatch.add({ title: 'first' })
  await sent
  expect(a.read.todos.all().map(({ title }) => title)).toEqual(['first', 'second'])
})

test('pending counts commands, sequence what is committed and applied', async () => {
  const a = await tab(freshName())
  const sent = [a.dispatch.add({ title: 'x' }), a.dispatch.addMany({ ids: ['y', 'z'] })]
  expect(a.status).toMatchObject({ pending: 2, sequence: 0 })
  await Promise.all(sent)
  expect(a.status).toMatchObject({ pending: 0, sequence: 3 })
})

test('a listener that is added to a closed handle is never told', async () => {
  const model = todoApp()
  const name = freshName()
  const [a, b] = [await openEngine(model, { name }), await openEngine(model, { name })]
  await a.close()
  let told = 0
  const end = a.subscribe(() => told++)
  await b.dispatch.add({ title: 'x' })
  end()
  expect(told).toBe(0)
  await b.close()
})

test('each call of a listener has a changed `read` or `status`; a command changes `read` once, and what follows `status` alone', async () => {
  const a = await tab(freshName())
  await a.projected()
  let last = { read: a.read, status: a.status }
  const changes: string[] = []
  a.subscribe(() => {
    const { read, status } = a
    changes.push([read !== last.read && 'read', status !== last.status && 'status'].filter(Boolean).join())
    if (status !== last.status) expect(status).not.toEqual(last.status)
    last = { read, status }
  })
  await a.dispatch.add({ title: 'x' })
  await a.projected()
  await later(20)
  expect(changes).not.toContain('')
  expect(changes.filter((one) => one.includes('read'))).toHaveLength(1)
  expect(changes[0]).toBe('read,status')
})

test('nobody is told of what changes nothing', async () => {
  const name = freshName()
  const a = await tab(name)
  await a.dispatch.add({ title: 'x' })
  await a.projected()
  await quiet()
  let told = 0
  a.subscribe(() => told++)
  const { status } = a
  for (let i = 0; i < 3; i++) await a.projected()
  const other = new BroadcastChannel(`tidemark:${name}`)
  other.postMessage({ log: await logId(name), projected: {} })
  await later(20)
  other.close()
  expect(told).toBe(0)
  expect(a.status).toBe(status)
})
