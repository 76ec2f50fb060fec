import { expose } from 'comlink'
import { afterEach, expect, test, vi } from 'vitest'
import { lockName } from '../../src/locks.ts'
import { tab } from '../engine/kit.ts'
import { freshName, todoApp } from '../engine/todos.ts'
import { createLocks } from '../engine/tools/locks.ts'
import type { AnyModel } from '../log/rooms.ts'
import { dump } from '../log/storage.ts'
import { connectHost, createHost, type Pipeline } from './rooms.ts'

const model = todoApp() as unknown as AnyModel
afterEach(() => {
  vi.unstubAllGlobals()
})

/** Names of logs that no engine has open; each has one event that is in no page yet. */
async function logs(count: number): Promise<string[]> {
  const names = Array.from({ length: count }, freshName)
  for (const name of names) {
    const a = await tab(name)
    await a.dispatch.add({ id: 'a', title: 'a' })
    await a.close()
  }
  return names
}

/** The host in a worker, and the pipelines that it has opened. */
function hosting() {
  const opened: Pipeline[] = []
  const host = createHost(model, 'epoch', { idle: 5, opened: (pipeline) => opened.push(pipeline) })
  const open = (): number => opened.filter(({ shop }) => !shop.closing.aborted).length
  return { host, opened, open }
}

test('a worker releases 30 logs that one page opened, used and closed', async () => {
  const locks = createLocks()
  vi.stubGlobal('navigator', { locks })
  const { host, opened, open } = hosting()
  const names = await logs(30)
  for (const name of names) {
    void locks.request(lockName('holder', `tab of ${name}`), () => new Promise(() => {}))
    await host.hello(name, model.name, false, `tab of ${name}`)
    await host.flush(name)
  }
  expect(open()).toBe(30)
  for (const name of names) await host.goodbye(name, `tab of ${name}`)
  await expect.poll(open).toBe(0)
  expect(opened).toHaveLength(30)
  for (const name of names)
    expect((await dump(name, 'checkpoints')).map(({ value }) => value.sequence)).toEqual([1, 1, 1])
})

test('a worker keeps a log until its last tab is gone, also if that tab died without a message', async () => {
  const locks = createLocks()
  vi.stubGlobal('navigator', { locks })
  const [name = ''] = await logs(1)
  const { host, open } = hosting()
  let die = (): void => {}
  const living = locks.request(lockName('holder', 'second'), () => new Promise<void>((end) => (die = end)))
  const first = locks.request(lockName('holder', 'first'), () => new Promise(() => {}))
  await host.hello(name, model.name, false, 'first')
  await host.hello(name, model.name, false, 'second')
  await host.flush(name)
  await host.goodbye(name, 'first')
  await host.goodbye(name, 'first')
  await new Promise((resolve) => setTimeout(resolve, 30))
  expect(open()).toBe(1)
  die()
  await living
  await expect.poll(open).toBe(0)
  void first
  // The next caller gets a pipeline again.
  await host.hello(name, model.name, false, 'third')
  expect(Object.values((await host.flush(name)).value ?? {})).toEqual([1, 1, 1])
  await host.goodbye(name, 'third')
  await expect.poll(open).toBe(0)
})

test('a host still runs the pipelines of its other logs after a page has left one of them', async () => {
  const [one = '', other = ''] = await logs(2)
  const host = createHost(model, 'epoch')
  await host.flush(one)
  await host.flush(other)
  await host.goodbye(one)
  expect(Object.values((await host.flush(other)).value ?? {})).toEqual([1, 1, 1])
  await host.goodbye(other)
})

test('a tab tells the worker when it closes, and holds its lock until then', async () => {
  const locks = createLocks()
  vi.stubGlobal('navigator', { locks })
  vi.stubGlobal('SharedWorker', class {})
  const [name = ''] = await logs(1)
  const { port1, port2 } = new MessageChannel()
  const { host, open } = hosting()
  // As the script of the worker does.
  void locks.request(lockName('worker', 'epoch'), () => new Promise(() => {}))
  expose(host, port2 as never)
  const connection = connectHost(model, name, {
    spawn: () => ({ port: port1 }) as unknown as SharedWorker,
    mirror: false,
    changed() {},
  })
  await connection.flush()
  const holders = async () => (await locks.query()).held.filter((one) => one.name.startsWith('tidemark/holder/'))
  expect(await holders()).toHaveLength(1)
  expect(open()).toBe(1)
  connection.close()
  await expect.poll(open).toBe(0)
  port2.close()
})
