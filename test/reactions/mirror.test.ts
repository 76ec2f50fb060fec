import { openEngine } from 'tidemark'
import { reaction } from 'tidemark/reactions'
import { memoryRemote } from 'tidemark/testing'
import { expect, test } from 'vitest'
import { findReactions } from '../../src/copies/reactions.ts'
import { lockName } from '../../src/locks.ts'
import { atEnd } from '../engine/kit.ts'
import { disk, filesOf } from '../engine/mirrored.ts'
import { freshName } from '../engine/todos.ts'
import { deleteDatabase, dump } from '../log/storage.ts'
import { chatApp } from './chat.ts'
import { createProvider, openOf, positionsOf, steal } from './kit.ts'

const logOf = async (name: string) => (await dump(name, 'meta')).find(({ key }) => key === 'log')?.value
const deviceOf = async (name: string) => (await dump(name, 'meta')).find(({ key }) => key === 'device')?.value

/** Reads the mirror's file of the reactions of a log. */
async function reactionsInMirror(name: string) {
  const folder = await disk.root.getDirectoryHandle(`tidemark-${name}`).catch(() => undefined)
  return folder && findReactions(folder as unknown as FileSystemDirectoryHandle, (await logOf(name)).lineage)
}

test('the mirror keeps open events, and a log that is restored from it continues with them', async () => {
  const name = freshName()
  const chat = chatApp()
  const answer = reaction(chat, {
    on: ['turnRequested'],
    from: 'start',
    retry: { tries: 1 },
    async run() {
      throw new Error('the provider is gone')
    },
  })
  const engine = await openEngine(chat, { name, reactions: async () => ({ answer }) })
  await engine.dispatch.requestTurn({ id: 'a' })
  await expect.poll(async () => (await openOf(name)).map(({ dead }) => !!dead), { timeout: 20_000 }).toEqual([true])
  const open = await openOf(name)
  // Its round begins after the events that were stored above.
  await engine.dispatch.note({ text: 'the mirror writes on' })
  await expect.poll(() => engine.status.mirror, { timeout: 15_000 }).toEqual({ state: 'on', sequence: 2 })
  expect(filesOf(name)).toContain('reactions.open')

  await deleteDatabase(name)
  await engine.close()
  const restored = await openEngine(chatApp(), { name })
  atEnd(() => restored.close())
  expect(restored.status.restored).toMatchObject({ sequence: 2 })
  expect(await openOf(name)).toEqual(open)
  expect(await positionsOf(name)).toMatchObject({ answer: { scanned: expect.any(Number) } })
})

test.each([
  ['with', 'start'],
  ['with', 'now'],
  ['without', 'start'],
] as const)(
  'reactions rule 2: a restore %s the reactions in the mirror calls nothing, and later events are called (from %s)',
  async (kept, from) => {
    const name = freshName()
    const called: string[] = []
    const open = async () => {
      const chat = chatApp()
      const answer = reaction(chat, {
        on: ['turnRequested'],
        from,
        lane: ({ data }) => data.id,
        async run({ event, dispatch }) {
          called.push(event.data.id)
          // One settles with its event, the other when its work is done.
          if (event.data.id !== 'b') await dispatch.finishTurn({ id: event.data.id, text: 'x' }, { settles: true })
        },
      })
      const engine = await openEngine(chat, { name, reactions: async () => ({ answer }) })
      atEnd(() => engine.close())
      return engine
    }
    const engine = await open()
    await engine.dispatch.requestTurns({ ids: ['a', 'b'], thread: 't' })
    await engine.settled()
    // Its round begins after the events that were stored above.
    const { sequence } = await engine.dispatch.note({ text: 'the mirror writes on' })
    await expect.poll(() => engine.status.mirror, { timeout: 15_000 }).toEqual({ state: 'on', sequence })
    const isMirrored = async () => (await reactionsInMirror(name))?.open.length === 0
    await expect.poll(isMirrored, { timeout: 15_000 }).toBe(true)
    if (kept === 'without') disk.root.files.delete(`tidemark-${name}/reactions.open`)

    await deleteDatabase(name)
    await engine.close()
    const restored = await open()
    expect(restored.status.restored).toMatchObject({ sequence })
    await restored.settled()
    await restored.dispatch.requestTurn({ id: 'c' })
    await restored.settled()
    expect(called.sort()).toEqual(['a', 'b', 'c'])
    expect(restored.read.turns.all().map(({ id, state }) => `${id} ${state}`)).toEqual([
      'a finished',
      'b requested',
      'c finished',
    ])
  },
)

test.each([
  ['now', 'a'],
  ['start', 'before a'],
] as const)(
  'a log that is lost before its reactions have begun is restored with its events to react to (from %s)',
  async (from, called) => {
    const name = freshName()
    const before = await openEngine(chatApp(), { name })
    await before.dispatch.requestTurn({ id: 'before' })
    await before.close()
    const calls: string[] = []
    const open = async () => {
      const chat = chatApp()
      const answer = reaction(chat, {
        on: ['turnRequested'],
        from,
        run: ({ event }) => void calls.push(event.data.id),
      })
      const engine = await openEngine(chat, { name, reactions: async () => ({ answer }) })
      atEnd(() => engine.close())
      return engine
    }
    // No holder can start.
    let free = (): void => {}
    const freed = new Promise<void>((resolve) => {
      free = resolve
    })
    const holding = navigator.locks.request(lockName('engine', name), () => freed).catch(() => {})
    const engine = await open()
    await engine.dispatch.requestTurn({ id: 'a' })
    await expect.poll(() => engine.status.mirror, { timeout: 15_000 }).toEqual({ state: 'on', sequence: 2 })
    await expect.poll(async () => !!(await reactionsInMirror(name)), { timeout: 15_000 }).toBe(true)
    await deleteDatabase(name)
    await engine.close()
    free()
    await holding
    const restored = await open()
    expect(restored.status.restored).toMatchObject({ sequence: 2 })
    await restored.settled()
    expect(calls.join(' ')).toBe(called)
    expect(Object.keys(await positionsOf(name))).toEqual(['answer'])
  },
)

test('with a remote, a restored log is the same device: it continues with its own events, and reacts to no events of other devices', async () => {
  const server = memoryRemote()
  const [name, other] = [freshName(), freshName()]
  const [mine, others] = [server.device(), server.device()]
  const called: string[] = []
  const open = async () => {
    const chat = chatApp()
    const answer = reaction(chat, {
      on: ['turnRequested'],
      from: 'now',
      run: ({ event, dispatch }) => {
        called.push(event.data.id)
        return dispatch.finishTurn({ id: event.data.id, text: 'x' }, { settles: true })
      },
    })
    const engine = await openEngine(chat, { name, remote: () => mine('shared'), reactions: async () => ({ answer }) })
    atEnd(() => engine.close())
    return engine
  }
  const engine = await open()
  await engine.dispatch.requestTurn({ id: 'a' }, { durability: 'remote' })
  await engine.settled()
  const { sequence } = await engine.dispatch.note({ text: 'the mirror writes on' }, { durability: 'remote' })
  await expect.poll(() => engine.status.mirror, { timeout: 15_000 }).toEqual({ state: 'on', sequence })
  const device = await deviceOf(name)
  expect(device).toEqual(expect.any(String))
  await expect.poll(async () => (await reactionsInMirror(name))?.device, { timeout: 15_000 }).toBe(device)

  await deleteDatabase(name)
  await engine.close()
  const far = await openEngine(chatApp(), { name: other, mirror: false, remote: () => others('shared') })
  atEnd(() => far.close())
  await far.dispatch.requestTurn({ id: 'of another' }, { durability: 'remote' })
  const restored = await open()
  expect(restored.status.restored).toMatchObject({ sequence })
  await restored.dispatch.requestTurn({ id: 'b' }, { durability: 'remote' })
  await restored.settled()
  expect(await deviceOf(name)).toBe(device)
  expect(called).toEqual(['a', 'b'])
})

test.each([
  ['run', 'an older position'],
  ['run', 'its attempt'],
  ['lost', 'an older position'],
  ['lost', 'its attempt'],
] as const)(
  'a restored event whose end (by %s) is in the log is settled, also if the mirror knows no more than %s',
  async (ended, known) => {
    const name = freshName()
    const provider = createProvider()
    let isRestored = false
    const open = async () => {
      const chat = chatApp()
      const answer = reaction(chat, {
        on: ['turnRequested'],
        from: 'start',
        async run({ event, key, signal, dispatch }) {
          const { id } = event.data
          const asked = provider.ask(key, id, signal)
          await dispatch.finishTurn({ id, text: isRestored ? 'again' : await asked }, { settles: true })
        },
        lost: ({ event, dispatch }) => dispatch.interruptTurn({ id: event.data.id }, { settles: true }),
      })
      const engine = await openEngine(chat, { name, reactions: async () => ({ answer }) })
      atEnd(() => engine.close())
      return engine
    }
    const file = `tidemark-${name}/reactions.open`
    const engine = await open()
    /** Waits until the mirror has all events, and this about the open ones. */
    const mirrors = async (open: readonly string[]) => {
      await expect.poll(async () => (await openOf(name)).map(({ handler }) => handler)).toEqual(open)
      await expect.poll(async () => positionsOf(name)).toMatchObject({ answer: {} })
      // Its round begins after what was stored above.
      const { sequence } = await engine.dispatch.note({ text: 'the mirror writes on' })
      await expect.poll(() => engine.status.mirror, { timeout: 15_000 }).toEqual({ state: 'on', sequence })
      const inMirror = async () => (await reactionsInMirror(name))?.open.map(({ handler }) => handler)
      await expect.poll(inMirror, { timeout: 15_000 }).toEqual(open)
      return disk.root.files.get(file)!
    }
    await engine.dispatch.note({ text: 'a position is stored' })
    let older = await mirrors([])
    await engine.dispatch.requestTurn({ id: 'a' })
    const call = await provider.call(0)
    if (known === 'its attempt') older = await mirrors(['run'])
    if (ended === 'run') call.answer('words')
    else await steal(name)
    await expect.poll(() => engine.read.turns.get('a')?.state).not.toBe('requested')
    await mirrors([])
    const { sequence } = engine.status

    await deleteDatabase(name)
    await engine.close()
    // The browser was killed after it had written the events, and before it wrote this file.
    disk.root.files.set(file, older)
    isRestored = true
    const restored = await open()
    expect(restored.status.restored).toMatchObject({ sequence })
    await restored.settled()
    expect(await openOf(name)).toEqual([])
    expect(restored.status.reactions.answer).toMatchObject({ open: 0, dead: 0 })
    expect(restored.status.sequence).toBe(sequence)
    expect(provider.calls.length).toBe(1)
  },
)
