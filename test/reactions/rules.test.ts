import { openEngine } from 'tidemark'
import { at, deadLetters, destroy, exportLog, importLog, verify } from 'tidemark/tools'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { atEnd, broken, traffic } from '../engine/kit.ts'
import { collect, freshName, later, outcome } from '../engine/todos.ts'
import { createLocks } from '../engine/tools/locks.ts'
import { abortWith, dump } from '../log/storage.ts'
import { chatApp } from './chat.ts'
import { allSettled, chatTab, createProvider, openOf, positionsOf, runner, steal } from './kit.ts'

beforeEach(() => {
  vi.stubGlobal('navigator', { locks: createLocks() })
})

type Tab = Awaited<ReturnType<typeof chatTab>>
const states = ({ read }: Tab) => read.turns.all().map(({ id, state }) => `${id} ${state}`)
const storedCommands = async (name: string): Promise<any[]> =>
  (await dump(name, 'commits')).flatMap(({ value }) => JSON.parse(value.body))

describe('reactions rule 1, identity:', () => {
  test('the key is the event’s command and index, and the id of a dispatch that of handler, command and count', async () => {
    const name = freshName()
    const tab = await chatTab(name)
    const keys: string[] = []
    await runner(name, {
      answer: {
        async run({ event, dispatch, key }) {
          keys.push(key)
          await dispatch.note({ text: '1' })
          await dispatch.note({ text: '2' })
          await dispatch.finishTurn({ id: event.data.id, text: 'x' })
        },
      },
    })
    await tab.dispatch.requestTurns({ ids: ['a', 'b'], thread: 't' }, { commandId: 'c' })
    await expect.poll(() => states(tab)).toEqual(['a finished', 'b finished'])
    expect(keys).toEqual(['reaction:answer:c/0', 'reaction:answer:c/1'])
    expect((await storedCommands(name)).map(({ id }) => id)).toEqual([
      'c',
      ...[0, 1].flatMap((i) => ['note:1', 'note:2', 'finishTurn:1'].map((end) => `reaction:answer:c/${i}:run:${end}`)),
    ])
  })

  test('the next attempt finds what the first attempt appended, even with another input; another command is decided as usual', async () => {
    const name = freshName()
    const tab = await chatTab(name)
    let attempts = 0
    const receipts: unknown[] = []
    await runner(name, {
      answer: {
        async run({ event, dispatch, attempt }) {
          attempts++
          receipts.push((await dispatch.note({ text: `attempt ${attempt}` })).duplicate)
          if (attempt < 3) throw new Error('not yet')
          receipts.push((await dispatch.finishTurn({ id: event.data.id, text: `${attempt}` })).duplicate)
        },
      },
    })
    await tab.dispatch.requestTurn({ id: 'a' })
    await expect.poll(() => states(tab)).toEqual(['a finished'])
    expect(attempts).toBe(3)
    expect(receipts).toEqual([false, true, true, false])
    const events = await collect(tab.history())
    expect(events.map(({ type, data }) => [type, (data as any).text])).toEqual([
      ['turnRequested', undefined],
      ['noted', 'attempt 1'],
      ['turnFinished', '3'],
    ])
  })

  test('a dispatch that settles writes its mark together with its events, so the work is not done again', async () => {
    const name = freshName()
    const tab = await chatTab(name)
    const provider = createProvider()
    let hang = (): void => {}
    const first = await runner(name, {
      answer: {
        async run({ event, dispatch, key, signal }) {
          await provider.ask(key, event.data.id, signal)
          await dispatch.finishTurn({ id: event.data.id, text: 'x' }, { settles: true })
          await new Promise<void>((resolve) => (hang = resolve))
        },
      },
    })
    await tab.dispatch.requestTurn({ id: 'a' })
    ;(await provider.call(0)).answer('x')
    await expect.poll(() => states(tab)).toEqual(['a finished'])
    expect(await openOf(name)).toEqual([])
    await first.close()
    hang()
    const second = createProvider()
    await runner(name, { answer: { run: ({ key, event, signal }) => second.ask(key, event.data.id, signal) } })
    await tab.dispatch.requestTurn({ id: 'b' })
    expect((await second.call(0)).id).toBe('b')
    expect(second.calls.length).toBe(1)
  })
})

describe('reactions rule 2, a rebuild repeats nothing:', () => {
  test('a new version of a projection folds the whole log again and calls nothing', async () => {
    const name = freshName()
    const called: string[] = []
    const answer = { from: 'start', run: ({ event }: any) => void called.push(event.data.id) } as const
    const old = await chatTab(name)
    const first = await runner(name, { answer })
    await old.dispatch.requestTurn({ id: 'a' })
    await expect.poll(() => called).toEqual(['a'])
    await allSettled(name)
    await first.close()
    await old.close()
    const tab = await openEngine(chatApp(2), { name })
    atEnd(() => tab.close())
    await runner(name, { answer }, { model: chatApp(2) })
    await tab.dispatch.requestTurn({ id: 'b' })
    await tab.projected()
    await expect.poll(() => called).toEqual(['a', 'b'])
    expect(states(tab)).toEqual(['a requested', 'b requested'])
  })

  test('a rebuild, a read of the past and a check call nothing', async () => {
    const name = freshName()
    const called: string[] = []
    const tab = await chatTab(name)
    await runner(name, { answer: { run: ({ event }) => void called.push(event.data.id) } })
    await tab.dispatch.requestTurn({ id: 'a' })
    await expect.poll(() => called).toEqual(['a'])
    await tab.rebuild()
    await verify(tab)
    await at(tab, 1)
    await tab.dispatch.requestTurn({ id: 'b' })
    await expect.poll(() => called).toEqual(['a', 'b'])
  })

  test('an import calls nothing, even if a holder waits at the empty log; later events do', async () => {
    const source = await chatTab(freshName())
    await source.dispatch.requestTurns({ ids: ['a', 'b'], thread: 't' })
    const parts: Uint8Array[] = []
    for await (const part of exportLog(source) as any) parts.push(part)
    const name = freshName()
    const called: string[] = []
    const tab = await chatTab(name)
    await runner(name, { answer: { from: 'start', run: ({ event }) => void called.push(event.data.id) } })
    await expect.poll(async () => Object.keys(await positionsOf(name))).toEqual(['answer'])
    await importLog(tab, new Blob(parts as BlobPart[]))
    await tab.dispatch.requestTurn({ id: 'c' })
    await expect.poll(() => called, { timeout: 20_000 }).toEqual(['c'])
    expect(states(tab)).toEqual(['a requested', 'b requested', 'c requested'])
  })

  test('`from: now` begins at the head of the first boot, `from: start` at the first event, and a later holder where the last holder stopped', async () => {
    const name = freshName()
    const tab = await chatTab(name)
    await tab.dispatch.requestTurns({ ids: ['a', 'b'], thread: 't' })
    const called: string[] = []
    const both = (kind: string) =>
      ({
        now: { from: 'now', run: ({ event }) => void called.push(`${kind} now ${event.data.id}`) },
        start: { from: 'start', run: ({ event }) => void called.push(`${kind} start ${event.data.id}`) },
      }) satisfies Parameters<typeof runner>[1]
    const first = await runner(name, both('first'), { booted: 1 })
    await expect.poll(() => [...called].sort()).toEqual(['first now b', 'first start a', 'first start b'])
    await allSettled(name)
    await first.close()
    called.length = 0
    await runner(name, both('second'), { booted: 2 })
    await tab.dispatch.requestTurn({ id: 'c' })
    await expect.poll(() => [...called].sort()).toEqual(['second now c', 'second start c'])
  })
})

describe('reactions rule 3, what is stored:', () => {
  test.each([
    ['one called *', '*', 'other'],
    ['others beside it', 'other', '*'],
  ])('any name may be that of a reaction: %s begins at its own position', async (_, name_, later_) => {
    const name = freshName()
    const tab = await chatTab(name)
    const called: string[] = []
    const definition = (of: string) => ({
      [of]: { run: ({ event }: any) => void called.push(`${of} ${event.data.id}`) },
    })
    const first = await runner(name, definition(name_))
    await tab.dispatch.requestTurn({ id: 'a' })
    await expect.poll(() => called).toEqual([`${name_} a`])
    await expect.poll(async () => (await positionsOf(name))[name_]?.scanned).toBe(1)
    await first.close()
    await tab.dispatch.requestTurn({ id: 'b' })
    const second = await runner(name, { ...definition(name_), ...definition(later_) }, { booted: 2 })
    await expect.poll(() => called).toEqual([`${name_} a`, `${name_} b`])
    await expect.poll(async () => Object.keys(await positionsOf(name)).sort()).toEqual(['*', 'other'])
    await second.close()
    expect(called).toEqual([`${name_} a`, `${name_} b`])
  })

  test('an event is stored in the transaction that moves the position, and removed when it settles', async () => {
    const name = freshName()
    const tab = await chatTab(name)
    const provider = createProvider()
    await runner(name, { answer: { run: ({ event, key, signal }) => provider.ask(key, event.data.id, signal) } })
    await expect.poll(async () => (await positionsOf(name)).answer?.scanned).toBe(0)
    const seen = traffic()
    await tab.dispatch.requestTurn({ id: 'a', thread: 't' }, { commandId: 'c' })
    await provider.call(0)
    const writes = seen.transactions.filter(({ stores, mode }) => mode === 'readwrite' && stores.includes('reactions'))
    // The event opens, and its attempt is recorded.
    expect(writes.length).toBe(2)
    expect((await positionsOf(name)).answer).toMatchObject({ scanned: 1 })
    expect(await openOf(name)).toMatchObject([
      { reaction: 'answer', lane: 't', handler: 'run', attempts: 0, running: expect.stringMatching(/./) },
    ])
    provider.calls[0]?.answer('x')
    await allSettled(name)
    expect(await openOf(name)).toEqual([])
  })

  test('a full disk stops the runner, and nothing is forgotten', async () => {
    const name = freshName()
    const tab = await chatTab(name)
    const called: string[] = []
    await runner(name, { answer: { run: ({ event }) => void called.push(event.data.id) } })
    await expect.poll(async () => (await positionsOf(name)).answer?.scanned).toBe(0)
    const storage = broken()
    storage.onTransaction = (transaction, stores, mode) => {
      if (mode === 'readwrite' && stores.includes('reactions')) abortWith(transaction, 'QuotaExceededError')
    }
    await tab.dispatch.requestTurn({ id: 'a' })
    await later(20)
    expect(called).toEqual([])
    storage.onTransaction = undefined
    await expect.poll(() => called, { timeout: 10_000 }).toEqual(['a'])
  })
})

describe('reactions rule 4, lanes:', () => {
  test('a lane runs in the order of the log, and delays no other lane, also during backoff', async () => {
    const name = freshName()
    const tab = await chatTab(name)
    const order: string[] = []
    let isBroken = true
    await runner(name, {
      answer: {
        retry: { tries: 100, delay: 1 },
        run({ event }) {
          if (event.data.id === 'a1' && isBroken) throw new Error('broken')
          order.push(event.data.id)
        },
      },
    })
    await tab.dispatch.requestTurns({ ids: ['a1', 'a2', 'a3'], thread: 'a' })
    await tab.dispatch.requestTurns({ ids: ['b1', 'b2'], thread: 'b' })
    await expect.poll(() => order).toEqual(['b1', 'b2'])
    isBroken = false
    await expect.poll(() => order, { timeout: 20_000 }).toEqual(['b1', 'b2', 'a1', 'a2', 'a3'])
  })

  test('`lanes` bounds how many lanes run at the same time', async () => {
    const name = freshName()
    const tab = await chatTab(name)
    const provider = createProvider()
    await runner(name, {
      answer: { concurrency: 2, run: ({ event, key, signal }) => provider.ask(key, event.data.id, signal) },
    })
    for (const thread of ['a', 'b', 'c']) await tab.dispatch.requestTurn({ id: thread, thread })
    await provider.call(1)
    await later(20)
    expect(provider.calls.map(({ id }) => id)).toEqual(['a', 'b'])
    provider.calls[0]?.answer('x')
    expect((await provider.call(2)).id).toBe('c')
  })
})

describe('reactions rule 5, ends:', () => {
  const ending = (handlers: Parameters<typeof runner>[1][string]) =>
    ({
      answer: {
        retry: { tries: 3, delay: 1 },
        failed: ({ event, error, dispatch }) =>
          dispatch.failTurn({ id: event.data.id, reason: (error as Error).message }, { settles: true }),
        ...handlers,
      },
    }) satisfies Parameters<typeof runner>[1]

  test('an event without tries left calls `failed`, which writes the end', async () => {
    const name = freshName()
    const tab = await chatTab(name)
    const attempts: number[] = []
    const run = ({ attempt }: { readonly attempt: number }): never => {
      attempts.push(attempt)
      throw new Error('503')
    }
    await runner(name, ending({ run }))
    await tab.dispatch.requestTurn({ id: 'a' })
    await expect.poll(() => tab.read.turns.get('a')).toMatchObject({ state: 'failed', text: '503' })
    expect(attempts).toEqual([1, 2, 3])
    await allSettled(name)
  })

  test('a refusal calls `failed` at once', async () => {
    const name = freshName()
    const tab = await chatTab(name)
    let attempts = 0
    await runner(
      name,
      ending({
        async run({ dispatch }) {
          attempts++
          await dispatch.finishTurn({ id: 'unknown', text: '' })
        },
      }),
    )
    await tab.dispatch.requestTurn({ id: 'a' })
    await expect.poll(() => tab.read.turns.get('a')?.state).toBe('failed')
    expect(attempts).toBe(1)
  })

  test('an attempt whose runner died calls `lost`, or runs again if there is no `lost`', async () => {
    const name = freshName()
    const tab = await chatTab(name)
    const provider = createProvider()
    const run = ({ event, key, signal }: any) => provider.ask(key, event.data.id, signal)
    const first = await runner(name, { answer: { run }, again: { run } })
    await tab.dispatch.requestTurn({ id: 'a' })
    await provider.call(1)
    // The attempt was recorded before it began.
    expect((await openOf(name)).map(({ running }) => running !== '')).toEqual([true, true])
    await first.close()
    const lost = ({ event, dispatch }: any) => dispatch.interruptTurn({ id: event.data.id }, { settles: true })
    await runner(name, { answer: { run, lost }, again: { run } })
    await expect.poll(() => states(tab)).toEqual(['a interrupted'])
    const again = await provider.call(2)
    expect(again.key).toBe(provider.calls.find(({ key }) => key.startsWith('reaction:again'))?.key)
    expect(provider.calls.length).toBe(3)
  })

  test('attempts that all kill their runner end too', async () => {
    const name = freshName()
    const tab = await chatTab(name)
    const provider = createProvider()
    const run = ({ event, key, signal }: any) => provider.ask(key, event.data.id, signal)
    await tab.dispatch.requestTurn({ id: 'a' })
    for (let n = 0; n < 3; n++) {
      const dying = await runner(name, ending({ run, from: 'start' }))
      await provider.call(n)
      await dying.close()
    }
    await runner(name, ending({ run, from: 'start' }))
    await expect.poll(() => states(tab)).toEqual(['a failed'])
    expect(provider.calls.length).toBe(3)
  })

  test('without `failed`, an event whose attempts all killed their runner is a dead letter, and can be tried again', async () => {
    const name = freshName()
    const tab = await chatTab(name)
    const provider = createProvider()
    const definitions = {
      answer: {
        from: 'start' as const,
        retry: { tries: 2, delay: 1 },
        async run({ event, key, signal, dispatch }: any) {
          const text = await provider.ask(key, event.data.id, signal)
          await dispatch.finishTurn({ id: event.data.id, text }, { settles: true })
        },
      },
    }
    await tab.dispatch.requestTurn({ id: 'a' })
    for (let n = 0; n < 2; n++) {
      const dying = await runner(name, definitions)
      await provider.call(n)
      await dying.close()
    }
    await runner(name, definitions)
    await expect.poll(async () => (await deadLetters(tab)).length).toBe(1)
    const [letter] = await deadLetters(tab)
    expect(letter?.error?.message).toMatch(/died/)
    expect(await letter?.retry()).toBe(true)
    ;(await provider.call(2)).answer('x')
    await expect.poll(() => states(tab)).toEqual(['a finished'])
  })

  test('an event is a dead letter only if `failed` fails; it blocks no lane, and is retried or dropped by hand, once', async () => {
    const name = freshName()
    const chat = chatApp()
    const { reaction } = await import('tidemark/reactions')
    let isBroken = true
    const answer = reaction(chat, {
      on: ['turnRequested'],
      from: 'now',
      retry: { tries: 2, delay: 1 },
      run({ event, dispatch }) {
        if (isBroken && event.data.id !== 'c') throw new Error('503')
        return dispatch.finishTurn({ id: event.data.id, text: 'x' }, { settles: true })
      },
      failed() {
        throw new Error('failed, too')
      },
    })
    const tab = await openEngine(chat, { name, reactions: async () => ({ answer }) })
    atEnd(() => tab.close())
    await tab.dispatch.requestTurns({ ids: ['a', 'b', 'c'], thread: 't' })
    await expect.poll(() => tab.status.reactions.answer?.dead).toBe(2)
    await tab.settled()
    expect(states(tab)).toEqual(['a requested', 'b requested', 'c finished'])
    isBroken = false
    const [a, b] = await deadLetters(tab)
    expect(a).toMatchObject({ reaction: 'answer', event: { data: { id: 'a' } }, error: { message: 'failed, too' } })
    expect(await Promise.all([a?.retry(), a?.retry()])).toEqual([true, false])
    await expect.poll(() => states(tab)[0]).toBe('a finished')
    expect(await b?.drop()).toBe(true)
    await expect.poll(() => tab.status.reactions.answer).toMatchObject({ dead: 0, open: 0 })
    expect(await deadLetters(tab)).toEqual([])
  })
})

describe('reactions rule 6, one holder:', () => {
  test('one of two holders runs; if its lock is stolen, its signal aborts, its dispatches reject, and the other holder continues', async () => {
    const name = freshName()
    const tab = await chatTab(name)
    const one = createProvider()
    const other = createProvider()
    const late: unknown[] = []
    await runner(name, {
      answer: {
        async run({ event, key, signal, dispatch }) {
          try {
            await one.ask(key, event.data.id, signal)
          } catch {
            late.push(await outcome(dispatch.finishTurn({ id: event.data.id, text: 'late' })))
          }
        },
      },
    })
    await tab.dispatch.requestTurn({ id: 'a' })
    const call = await one.call(0)
    await runner(name, { answer: { run: ({ event, key, signal }) => other.ask(key, event.data.id, signal) } })
    await later(20)
    expect(other.calls).toEqual([])
    await steal(name)
    expect((await other.call(0)).key).toBe(call.key)
    expect(call.signal.aborted).toBe(true)
    await expect.poll(() => late.length).toBe(1)
    expect(late[0]).toBeInstanceOf(Error)
    expect(states(tab)).toEqual(['a requested'])
  })

  test('a frozen holder that was replaced can no longer change open events', async () => {
    const name = freshName()
    const { createReactionStore } = await import('../../src/reactions/store.ts')
    const tab = await chatTab(name)
    const provider = createProvider()
    const pipeline = await runner(name, {
      answer: { run: ({ event, key, signal }) => provider.ask(key, event.data.id, signal) },
    })
    await tab.dispatch.requestTurn({ id: 'a' })
    await provider.call(0)
    const { database } = pipeline.shop
    const store = createReactionStore(database, database.log?.lineage ?? '')
    const { open } = await store.takeEpoch('another')
    expect(open.length).toBe(1)
    provider.calls[0]?.answer('x')
    await later(20)
    expect((await openOf(name)).length).toBe(1)
  })
})

describe('reactions rule 7, versions:', () => {
  test('the newer of two versions runs, and the older one stays stopped', async () => {
    const name = freshName()
    const tab = await chatTab(name)
    const ran: string[] = []
    const old = { answer: { version: 1, run: ({ event }: any) => void ran.push(`old ${event.data.id}`) } }
    const older = await runner(name, old)
    await tab.dispatch.requestTurn({ id: 'a' })
    await expect.poll(() => ran).toEqual(['old a'])
    const newer = await runner(name, {
      answer: { version: 2, run: ({ event }) => void ran.push(`new ${event.data.id}`) },
    })
    await expect.poll(async () => (await positionsOf(name)).answer.version).toBe(2)
    await tab.dispatch.requestTurn({ id: 'b' })
    await expect.poll(() => ran).toEqual(['old a', 'new b'])
    await newer.close()
    await tab.dispatch.requestTurn({ id: 'c' })
    await later(1500)
    expect(ran).toEqual(['old a', 'new b'])
    await older.close()
  })

  test('a reaction without code keeps its position and events, and `deadLetters` drops them', async () => {
    const name = freshName()
    const tab = await chatTab(name)
    const provider = createProvider()
    const first = await runner(name, {
      gone: { run: ({ event, key, signal }) => provider.ask(key, event.data.id, signal) },
    })
    await tab.dispatch.requestTurn({ id: 'a' })
    await provider.call(0)
    await first.close()
    await tab.close()
    const chat = chatApp()
    const { reaction } = await import('tidemark/reactions')
    const answer = reaction(chat, { on: ['turnRequested'], from: 'now', run() {} })
    const other = await openEngine(chat, { name, reactions: async () => ({ answer }) })
    atEnd(() => other.close())
    await other.dispatch.requestTurn({ id: 'b' })
    await other.settled()
    expect(Object.keys(await positionsOf(name)).sort()).toEqual(['answer', 'gone'])
    const letters = await deadLetters(other)
    expect(letters.map(({ reaction, event }) => [reaction, event.type])).toEqual([['gone', 'turnRequested']])
    expect(await letters[0]?.drop()).toBe(true)
    expect(await openOf(name)).toEqual([])
  })
})

describe('reactions rule 8, cancel:', () => {
  const cancel = { turnStopped: (stop: any, start: any) => stop.data.id === start.data.id }

  test('a running event is settled, its signal aborts, and an error of its handler is ignored', async () => {
    const name = freshName()
    const tab = await chatTab(name)
    const provider = createProvider()
    let failed = 0
    await runner(name, {
      answer: {
        cancel,
        run: ({ event, key, signal }) => provider.ask(key, event.data.id, signal),
        failed: () => void failed++,
      },
    })
    await tab.dispatch.requestTurn({ id: 'a' })
    const { signal } = await provider.call(0)
    await tab.dispatch.stopTurn({ id: 'a' })
    await allSettled(name)
    await expect.poll(() => signal.aborted).toBe(true)
    await later(10)
    expect(failed).toBe(0)
    expect(provider.calls.length).toBe(1)
  })

  test('a cancelled event that waits or is in backoff is never called', async () => {
    const name = freshName()
    const tab = await chatTab(name)
    const called: string[] = []
    await runner(name, {
      answer: {
        cancel,
        retry: { tries: 6, delay: 60_000 },
        run({ event }) {
          called.push(event.data.id)
          throw new Error('503')
        },
      },
    })
    await tab.dispatch.requestTurns({ ids: ['backoff', 'waiting'], thread: 't' })
    await expect.poll(async () => (await openOf(name)).some(({ attempts }) => attempts === 1)).toBe(true)
    await tab.dispatch.stopTurn({ id: 'waiting' })
    await tab.dispatch.stopTurn({ id: 'backoff' })
    await allSettled(name)
    expect(called).toEqual(['backoff'])
  })

  test('nothing is called for an event that was cancelled while no holder was alive, at any stage of its work', async () => {
    const name = freshName()
    const tab = await chatTab(name)
    const provider = createProvider()
    const run = ({ event, key, signal }: any) => provider.ask(key, event.data.id, signal)
    const first = await runner(name, { answer: { cancel, run } })
    await tab.dispatch.requestTurn({ id: 'running' })
    await provider.call(0)
    await first.close()
    await tab.dispatch.requestTurn({ id: 'unseen' })
    await tab.dispatch.stopTurn({ id: 'running' })
    await tab.dispatch.stopTurn({ id: 'unseen' })
    const lost: string[] = []
    await runner(name, { answer: { cancel, run, lost: ({ event }) => void lost.push(event.data.id) } })
    await allSettled(name)
    await expect.poll(async () => (await positionsOf(name)).answer.scanned).toBe(4)
    expect(provider.calls.length).toBe(1)
    expect(lost).toEqual([])
  })

  test('of several events that a holder reads together, each cancels its own', async () => {
    const name = freshName()
    const tab = await chatTab(name)
    const provider = createProvider()
    const run = ({ event, key, signal }: any) => provider.ask(key, event.data.id, signal)
    const first = await runner(name, { answer: { cancel, run } })
    await tab.dispatch.requestTurns({ ids: ['a', 'b', 'c', 'd'], thread: 't' })
    await provider.call(0)
    await first.close()
    await Promise.all(['a', 'b', 'c'].map((id) => tab.dispatch.stopTurn({ id })))
    await runner(name, { answer: { cancel, run } })
    expect(await provider.call(1)).toMatchObject({ id: 'd' })
    expect((await openOf(name)).map(({ event }) => event.data.id)).toEqual(['d'])
  })
})

describe('reactions rule 9, cause:', () => {
  test('a command carries its cause, next to meta', async () => {
    const name = freshName()
    const tab = await chatTab(name)
    await runner(name, {
      answer: {
        run: ({ event, dispatch }) => dispatch.finishTurn({ id: event.data.id, text: '' }, { meta: { by: 'me' } }),
      },
    })
    await tab.dispatch.requestTurn({ id: 'a' }, { commandId: 'c' })
    await expect.poll(() => states(tab)).toEqual(['a finished'])
    expect((await storedCommands(name))[1]).toMatchObject({
      meta: { by: 'me' },
      cause: { reaction: 'answer', commandId: 'c', depth: 1 },
    })
    expect((await storedCommands(name))[0]).not.toHaveProperty('cause')
  })

  test('an endless chain fails at a depth of 32', async () => {
    const name = freshName()
    const tab = await chatTab(name)
    const failed: string[] = []
    await runner(name, {
      echo: {
        on: ['noted'] as any,
        lane: () => '',
        run: ({ event, dispatch }: any) => dispatch.note({ text: `${event.data.text}.` }, { settles: true }),
        failed: ({ error }: any) => void failed.push(error.message),
      },
    })
    await tab.dispatch.note({ text: '' })
    await expect.poll(() => failed.length, { timeout: 20_000 }).toBe(1)
    expect(failed[0]).toMatch('32 reactions')
    expect((await storedCommands(name)).map(({ cause }) => cause?.depth ?? 0)).toEqual(
      Array.from({ length: 33 }, (_, i) => i),
    )
  })
})

describe('reactions rule 10, timers:', () => {
  test('an event waits for its date outside its lane', async () => {
    const name = freshName()
    const tab = await chatTab(name)
    const ran: string[] = []
    await runner(name, {
      answer: {
        after: ({ data }) =>
          data.id === 'late' ? 150 : data.id === 'never' ? new Date(Date.now() + 90 * 86_400_000) : 0,
        run: ({ event }) => void ran.push(event.data.id),
      },
    })
    await tab.dispatch.requestTurns({ ids: ['never', 'late', 'soon'], thread: 't' })
    await expect.poll(() => ran).toEqual(['soon', 'late'])
    expect((await openOf(name)).map(({ event }) => event.data.id)).toEqual(['never'])
  })

  test('an invalid date fails the event', async () => {
    const name = freshName()
    const tab = await chatTab(name)
    const failed: string[] = []
    await runner(name, {
      answer: { after: () => new Date('nonsense'), failed: ({ error }) => void failed.push(error.message) },
    })
    await tab.dispatch.requestTurn({ id: 'a' })
    await expect.poll(() => failed).toEqual(['`after` gives milliseconds or a date'])
  })
})

describe('reactions rule 12, life:', () => {
  test('destroy aborts all attempts before it removes the log', async () => {
    const name = freshName()
    const chat = chatApp()
    const { reaction } = await import('tidemark/reactions')
    const provider = createProvider()
    const answer = reaction(chat, {
      on: ['turnRequested'],
      from: 'now',
      run: ({ event, key, signal }) => provider.ask(key, event.data.id, signal),
    })
    const tab = await openEngine(chat, { name, reactions: async () => ({ answer }) })
    await tab.dispatch.requestTurn({ id: 'a' })
    const { signal } = await provider.call(0)
    await destroy(tab)
    expect(signal.aborted).toBe(true)
  })
})
