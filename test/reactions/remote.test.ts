import { openEngine } from 'tidemark'
import { type Reaction, reaction } from 'tidemark/reactions'
import { rejected } from 'tidemark/sync'
import { type MemoryDevice, type MemoryRemote, memoryRemote } from 'tidemark/testing'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { atEnd } from '../engine/kit.ts'
import { collect, freshName, later } from '../engine/todos.ts'
import { createLocks } from '../engine/tools/locks.ts'
import { dump } from '../log/storage.ts'
import { chatApp } from './chat.ts'
import { createProvider, type Definition, openOf, positionsOf } from './kit.ts'

beforeEach(() => {
  vi.stubGlobal('navigator', { locks: createLocks() })
})

/** The name of the log at the remote. */
const LOG = 'shared'

/** Random numbers from 0 to 1: the same seed gives the same numbers. */
const seeded = (first: number) => {
  let seed = first
  return () => {
    seed = (seed * 48_271) % 2_147_483_647
    return seed / 2_147_483_647
  }
}

interface Device {
  readonly name: string
  readonly network: MemoryDevice
  /** Opens another tab, which runs reactions until it closes. */
  open(definitions?: Readonly<Record<string, Partial<Definition>>>): Promise<Tab>
}
type Tab = Awaited<ReturnType<typeof open>>

async function open(name: string, network: MemoryDevice, definitions: Readonly<Record<string, Partial<Definition>>>) {
  const chat = chatApp()
  const made = Object.entries(definitions).map(([key, definition]): [string, Reaction<any, any, any, any, any>] => [
    key,
    reaction(chat, {
      on: ['turnRequested'],
      from: 'now',
      lane: ({ data }) => data.thread,
      retry: { delay: 1 },
      run() {},
      ...definition,
    } as Definition),
  ])
  const engine = await openEngine(chat, {
    name,
    mirror: false,
    remote: () => network(LOG),
    ...(made.length && { reactions: async () => Object.fromEntries(made) }),
  })
  atEnd(() => engine.close())
  return engine
}

function device(server: MemoryRemote, name = freshName()): Device {
  const network = server.device()
  return { name, network, open: (definitions = {}) => open(name, network, definitions) }
}

const states = ({ read }: Tab) => read.turns.all().map(({ id, state }) => `${id} ${state}`)
const sharedCommands = async (name: string): Promise<any[]> =>
  (await dump(name, 'commits')).flatMap(({ value }) => JSON.parse(value.body))
const allOver = (name: string): Promise<void> =>
  expect.poll(async () => (await openOf(name)).length, { timeout: 20_000 }).toBe(0)
const finish = {
  run: ({ event, dispatch }: any) => dispatch.finishTurn({ id: event.data.id, text: 'x' }, { settles: true }),
}

describe('reactions rule 13, with a remote:', { timeout: 60_000 }, () => {
  test('a reaction runs for events of the shared log, on the device whose command made them, and its commands carry device and cause', async () => {
    const server = memoryRemote()
    const [a, b] = [device(server), device(server)]
    const calls: string[] = []
    const on = (name: string) => ({
      answer: {
        run: (given: any) => {
          calls.push(`${name} ${given.event.data.id}`)
          return finish.run(given)
        },
      },
    })
    const [tabA, tabB] = [await a.open(on('a')), await b.open(on('b'))]
    await tabA.dispatch.requestTurn({ id: '1' }, { commandId: 'one' })
    await tabB.dispatch.requestTurn({ id: '2' }, { commandId: 'two' })
    for (const tab of [tabA, tabB])
      await expect.poll(() => states(tab).sort(), { timeout: 20_000 }).toEqual(['1 finished', '2 finished'])
    await Promise.all([allOver(a.name), allOver(b.name)])
    expect(calls.sort()).toEqual(['a 1', 'b 2'])
    const commands = await sharedCommands(a.name)
    const byId = new Map(commands.map((command) => [command.id, command]))
    const answers = ['one', 'two'].map((id) => byId.get(`reaction:answer:${id}/0:run:finishTurn:1`))
    expect(answers.map(({ cause }) => cause)).toEqual([
      { reaction: 'answer', commandId: 'one', depth: 1, settles: 0 },
      { reaction: 'answer', commandId: 'two', depth: 1, settles: 0 },
    ])
    expect(answers.map(({ device }) => device)).toEqual([byId.get('one').device, byId.get('two').device])
    expect(byId.get('one').device).not.toBe(byId.get('two').device)
    expect(tabA.status.reactions.answer).toMatchObject({ state: 'idle', open: 0 })
  })

  test('a dispatch of a reaction reads no keys of commands that were sent before', async () => {
    const server = memoryRemote()
    const a = device(server)
    const tab = await a.open({ answer: finish })
    const turn = async (id: string) => {
      await tab.dispatch.requestTurn({ id })
      await expect.poll(() => states(tab), { timeout: 20_000 }).toContain(`${id} finished`)
      await expect.poll(() => tab.status.sync?.pending, { timeout: 20_000 }).toBe(0)
      await allOver(a.name)
    }
    for (const id of ['1', '2']) await turn(id)
    const marker = Math.max(...(await dump(a.name, 'outbox')).map(({ key }) => Number(key)))
    // The reaction's engine learns of the marker with each dispatch.
    await turn('3')
    const lowest: number[] = []
    const { getAll } = IDBObjectStore.prototype
    const noted = vi.spyOn(IDBObjectStore.prototype, 'getAll').mockImplementation(function (
      this: IDBObjectStore,
      ...given
    ) {
      const [range] = given as [IDBKeyRange | undefined]
      // A record that may have fallen under the marker is looked for below it, in a transaction that removes it.
      if (this.name === 'outbox' && this.transaction.mode === 'readonly') lowest.push(range?.lower ?? 0)
      return getAll.apply(this, given)
    })
    await turn('4')
    noted.mockRestore()
    expect(lowest.length).toBeGreaterThan(0)
    expect(lowest.filter((key) => key < marker)).toEqual([])
  })

  test('an app without reactions sends no device id', async () => {
    const server = memoryRemote()
    const a = device(server)
    const tab = await a.open()
    await tab.dispatch.requestTurn({ id: '1' }, { durability: 'remote' })
    expect((await sharedCommands(a.name))[0]).not.toHaveProperty('device')
    expect((await dump(a.name, 'meta')).map(({ key }) => key)).not.toContain('device')
  })

  test('`everywhere` runs on each device, and the device is part of key and ids', async () => {
    const server = memoryRemote()
    const [a, b] = [device(server), device(server)]
    const keys: string[] = []
    const note = {
      everywhere: true,
      async run({ key, event, dispatch }: any) {
        keys.push(key)
        await dispatch.note({ text: event.data.id }, { settles: true })
      },
    }
    const [tabA, tabB] = [await a.open({ note }), await b.open({ note })]
    await tabA.dispatch.requestTurn({ id: '1' }, { commandId: 'one' })
    await expect.poll(() => keys.length, { timeout: 20_000 }).toBe(2)
    await Promise.all([allOver(a.name), allOver(b.name)])
    const ids = await Promise.all(
      [a, b].map(async ({ name }) => (await dump(name, 'meta')).find(({ key }) => key === 'device')?.value),
    )
    expect(keys.sort()).toEqual(ids.map((id) => `reaction:note:${id}:one/0`).sort())
    await expect.poll(async () => (await collect(tabB.history())).length, { timeout: 20_000 }).toBe(3)
    expect((await sharedCommands(a.name)).map(({ id }) => id).sort()).toEqual(
      ['one', ...keys.map((key) => `${key}:run:note:1`)].sort(),
    )
  })

  test('an event that is not in the shared log calls only local reactions, once', async () => {
    const server = memoryRemote()
    const a = device(server)
    const calls: string[] = []
    const definitions = {
      answer: { run: ({ event }: any) => void calls.push(`answer ${event.data.id}`) },
      remind: { local: true, run: ({ event }: any) => void calls.push(`remind ${event.data.id}`) },
    }
    const first = await a.open(definitions)
    await expect.poll(() => first.status.reactions.remind?.state, { timeout: 20_000 }).toBe('idle')
    a.network.set({ offline: true })
    await first.dispatch.requestTurn({ id: '1' })
    await expect.poll(() => calls, { timeout: 20_000 }).toEqual(['remind 1'])
    // The record stays, so that the reaction does not run again when the next holder reads the event, or when the shared log has it.
    await expect.poll(async () => await openOf(a.name)).toMatchObject([{ reaction: 'remind', local: true, done: true }])
    await first.close()
    const second = await a.open(definitions)
    await second.dispatch.requestTurn({ id: '2' })
    await expect.poll(() => calls, { timeout: 20_000 }).toEqual(['remind 1', 'remind 2'])
    a.network.set({ offline: false })
    await expect.poll(() => calls.length, { timeout: 20_000 }).toBe(4)
    await allOver(a.name)
    expect(calls).toEqual(['remind 1', 'remind 2', 'answer 1', 'answer 2'])
  })

  test('an open event of a local reaction is dropped if the shared log refuses the command', async () => {
    const server = memoryRemote()
    const [a, b] = [device(server), device(server)]
    const [tabA, tabB] = [
      await a.open({
        remind: { on: ['turnFinished'] as any, lane: () => '', local: true, after: () => 3_600_000, run() {} },
      }),
      await b.open(),
    ]
    await tabA.dispatch.requestTurn({ id: '1' }, { durability: 'remote' })
    await expect.poll(() => states(tabB), { timeout: 20_000 }).toEqual(['1 requested'])
    a.network.set({ offline: true })
    await tabA.dispatch.finishTurn({ id: '1', text: 'x' })
    await expect.poll(async () => (await openOf(a.name)).length, { timeout: 20_000 }).toBe(1)
    await tabB.dispatch.stopTurn({ id: '1' }, { durability: 'remote' })
    a.network.set({ offline: false })
    await expect.poll(() => states(tabA), { timeout: 20_000 }).toEqual(['1 stopped'])
    await allOver(a.name)
    expect((await rejected(tabA)).map(({ name }) => name)).toEqual(['finishTurn'])
  })

  test('a dispatch settles the event once it is in the shared log, not before, even if its holder died', async () => {
    const server = memoryRemote()
    const a = device(server)
    const calls: string[] = []
    const lost: string[] = []
    const definitions = {
      answer: {
        run: (given: any) => {
          calls.push(given.event.data.id)
          a.network.set({ offline: true })
          return finish.run(given)
        },
        lost: ({ event }: any) => void lost.push(event.data.id),
      },
    }
    const first = await a.open(definitions)
    await first.dispatch.requestTurn({ id: '1' }, { commandId: 'one' })
    await expect
      .poll(async () => (await dump(a.name, 'reactions')).map(({ value }) => value.awaits), { timeout: 20_000 })
      .toContain('reaction:answer:one/0:run:finishTurn:1')
    expect((await openOf(a.name)).length).toBe(1)
    await first.close()
    const second = await a.open(definitions)
    await later(50)
    expect((await openOf(a.name)).length).toBe(1)
    a.network.set({ offline: false })
    await allOver(a.name)
    expect(states(second)).toEqual(['1 finished'])
    expect([calls, lost]).toEqual([['1'], []])
    expect((await dump(a.name, 'reactions')).filter(({ value }) => 'awaits' in value)).toEqual([])
  })

  test('an event is settled once its command is in the shared log, whatever its handler throws afterwards', async () => {
    const server = memoryRemote()
    const a = device(server)
    const calls: string[] = []
    const tab = await a.open({
      answer: {
        retry: { tries: 1 },
        async run(given: any) {
          calls.push(given.event.data.id)
          await finish.run(given)
          throw new Error('after the end')
        },
      },
    })
    await tab.dispatch.requestTurn({ id: '1' })
    await tab.settled()
    await allOver(a.name)
    expect(states(tab)).toEqual(['1 finished'])
    expect(calls).toEqual(['1'])
    expect(tab.status.reactions?.answer).toMatchObject({ open: 0, dead: 0 })
  })

  test.each(['while its holder lives', 'after it died'])(
    'a refusal by the shared log calls `failed` %s, and is never among the rejected commands',
    async (when) => {
      const server = memoryRemote()
      const [a, b] = [device(server), device(server)]
      const provider = createProvider()
      const failed: string[] = []
      const definitions = {
        answer: {
          async run({ event, key, signal, dispatch }: any) {
            const text = await provider.ask(key, event.data.id, signal)
            await dispatch.finishTurn({ id: event.data.id, text }, { settles: true })
          },
          failed: ({ event, error }: any) => void failed.push(`${event.data.id} ${error.name}`),
        },
      }
      let tabA = await a.open(definitions)
      const tabB = await b.open()
      await tabA.dispatch.requestTurn({ id: '1' })
      const call = await provider.call(0)
      a.network.set({ offline: true })
      await expect.poll(() => states(tabB), { timeout: 20_000 }).toEqual(['1 requested'])
      await tabB.dispatch.stopTurn({ id: '1' }, { durability: 'remote' })
      call.answer('late')
      await expect.poll(() => states(tabA), { timeout: 20_000 }).toEqual(['1 finished'])
      if (when === 'after it died') {
        await tabA.close()
        tabA = await a.open(definitions)
      }
      a.network.set({ offline: false })
      await expect.poll(() => failed, { timeout: 20_000 }).toEqual(['1 CommandRejected'])
      await allOver(a.name)
      await expect.poll(() => states(tabA)).toEqual(['1 stopped'])
      expect(await rejected(tabA)).toEqual([])
      expect(tabA.status.sync?.rejected).toBe(0)
      expect(provider.calls.length).toBe(1)
    },
  )

  test('a refusal after other unsent commands of this device is decided by the shared log', async () => {
    const server = memoryRemote()
    const a = device(server)
    const provider = createProvider()
    const seen: unknown[] = []
    const tab = await a.open({
      answer: {
        async run({ event, key, signal, dispatch }: any) {
          await provider.ask(key, event.data.id, signal)
          seen.push(await dispatch.finishTurn({ id: event.data.id, text: 'x' }).catch((error: Error) => error.name))
        },
      },
    })
    await tab.dispatch.requestTurn({ id: '1' })
    const call = await provider.call(0)
    a.network.set({ offline: true })
    await tab.dispatch.stopTurn({ id: '1' })
    call.answer('late')
    await later(100)
    expect(seen).toEqual([])
    a.network.set({ offline: false })
    await expect.poll(() => seen, { timeout: 20_000 }).toEqual(['CommandRejected'])
  })

  test('an empty log that takes over the log of its remote reacts to its own dispatches after its position', async () => {
    const server = memoryRemote()
    const [a, b] = [device(server), device(server)]
    await (await a.open()).dispatch.requestTurn({ id: 'of another' }, { durability: 'remote' })
    b.network.set({ offline: true })
    const calls: string[] = []
    const answer = { run: ({ event }: any) => void calls.push(event.data.id) }
    const first = await b.open({ answer })
    await expect.poll(async () => (await positionsOf(b.name)).answer?.scanned, { timeout: 20_000 }).toBe(0)
    await first.dispatch.requestTurn({ id: '1' })
    await first.close()
    b.network.set({ offline: false })
    const without = await b.open()
    await expect.poll(() => without.status.sequence, { timeout: 20_000 }).toBe(2)
    await without.close()
    await b.open({ answer })
    await expect.poll(() => calls, { timeout: 20_000 }).toEqual(['1'])
  })

  test('while no tab or worker follows the remote, nothing runs and nothing is settled', async () => {
    const server = memoryRemote()
    const a = device(server)
    a.network.set({ offline: true })
    let ran = 0
    const tab = await a.open({ answer: { run: () => void ran++ } })
    await tab.dispatch.requestTurn({ id: '1' })
    await later(100)
    expect(ran).toBe(0)
    a.network.set({ offline: false })
    await expect.poll(() => ran, { timeout: 20_000 }).toBe(1)
  })

  test("60 turns of two devices that go offline, lose their holders and stop each other's turns: each turn ends once, and has its own key", async () => {
    const random = seeded(44_444)
    const server = memoryRemote()
    const provider = new Map<string, Set<string>>()
    const definitions = {
      answer: {
        retry: { tries: 50, delay: 1 },
        cancel: { turnStopped: (stop: any, start: any) => stop.data.id === start.data.id },
        async run({ event, key, signal, dispatch }: any) {
          provider.set(key, (provider.get(key) ?? new Set()).add(event.commandId))
          await later(random() * 10)
          signal.throwIfAborted()
          if (random() < 0.1) throw new Error('429')
          await dispatch.finishTurn({ id: event.data.id, text: 'x' }, { settles: true })
        },
        // A turn that another device has stopped needs no end.
        failed: ({ event, error, dispatch }: any) =>
          dispatch.failTurn({ id: event.data.id, reason: error.message }, { settles: true }).catch(() => {}),
      },
    }
    const both = [device(server), device(server)]
    const tabs = await Promise.all(both.map((one) => one.open(definitions)))
    let asked = 0
    /** Both devices have sent and read everything, and no turn is open. */
    const isOver = () =>
      tabs.every(
        ({ read, status }) =>
          status.sync?.pending === 0 &&
          read.turns.size >= asked &&
          read.turns.size === tabs[0]?.read.turns.size &&
          read.turns.all().every(({ state }) => state !== 'requested'),
      )
    const work = async (i: number): Promise<void> => {
      for (let n = 0; n < 30; n++) {
        const id = `${i} ${n}`
        await tabs[i]?.dispatch.requestTurn({ id, thread: `${i} ${n % 5}` }).then(
          () => asked++,
          () => {},
        )
        if (random() < 0.2) await tabs[1 - i]?.dispatch.stopTurn({ id }).catch(() => {})
        await later(random() * 10)
        const one = both[i] as Device
        if (random() < 0.15) one.network.set({ offline: true })
        else if (random() < 0.5) one.network.set({ offline: false })
        if (random() < 0.1) {
          await tabs[i]?.close()
          tabs[i] = await one.open(definitions)
        }
      }
      both[i]?.network.set({ offline: false })
    }
    await Promise.all([work(0), work(1)])
    await expect.poll(isOver, { timeout: 30_000 }).toBe(true)
    for (const { name } of both) await allOver(name)
    const ends = (await collect((tabs[0] as Tab).history())).filter(({ type }) => type !== 'turnRequested')
    const ids = ends.map(({ data }) => (data as { id: string }).id)
    expect(new Set(ids).size).toBe(ids.length)
    expect(ids.length).toBe(tabs[0]?.read.turns.size)
    expect(ids.length).toBeGreaterThan(50)
    await expect.poll(() => states(tabs[1] as Tab).sort()).toEqual(states(tabs[0] as Tab).sort())
    for (const events of provider.values()) expect(events.size).toBe(1)
    for (const tab of tabs)
      expect(await rejected(tab).then((all) => all.map(({ name }) => name))).not.toContain('finishTurn')
    for (const { name } of both)
      expect((await dump(name, 'reactions')).filter(({ value }) => 'awaits' in value || value.done)).toEqual([])
  })
})
