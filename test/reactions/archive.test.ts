import { openEngine } from 'tidemark'
import { type Reaction, reaction } from 'tidemark/reactions'
import { archive } from 'tidemark/tools'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { NONE_YET } from '../../src/copies/reactions.ts'
import type { Core } from '../../src/engine/core.ts'
import { waitForReactions } from '../../src/engine/tools/waitForReactions.ts'
import { readIdentity } from '../../src/log/database.ts'
import { atEnd } from '../engine/kit.ts'
import { freshName } from '../engine/todos.ts'
import { createLocks } from '../engine/tools/locks.ts'
import { openDatabase } from '../log/rooms.ts'
import { dump, inDatabase } from '../log/storage.ts'
import { chatApp } from './chat.ts'
import { createProvider, openOf, positionsOf } from './kit.ts'

beforeEach(() => {
  vi.stubGlobal('navigator', { locks: createLocks() })
})

const DAY_MS = 86_400_000
/** The events of the log: 50 per command, one of them with an open timer. The soak plays a year of 1,000 events a day. */
const EVENTS = Number(process.env.TIDEMARK_TIMERS ?? 7_300)
type Chat = ReturnType<typeof chatApp>

async function open(name: string, reactions?: (chat: Chat) => Record<string, Reaction<any, any, any, any, any>>) {
  const chat = chatApp()
  const made = reactions?.(chat)
  const engine = await openEngine(chat, { name, mirror: false, ...(made && { reactions: async () => made }) })
  atEnd(() => engine.close())
  return engine
}

const remindLater = (chat: Chat) => ({
  remind: reaction(chat, {
    on: ['turnRequested'],
    from: 'now',
    lane: ({ data }) => data.id,
    after: ({ data }) => (1 + (Number(data.id) % 90)) * DAY_MS,
    run() {},
  }),
})

/** 600 events in 20 commits. */
async function notes({ dispatch }: Awaited<ReturnType<typeof open>>): Promise<void> {
  for (let i = 0; i < 20; i++) await dispatch.notes({ count: 30 })
}

/** The size of the log in commits, segments and files, and the size of what is stored for reactions. */
async function placesOf(name: string) {
  const ranges = async (store: string): Promise<unknown[]> =>
    (await dump(name, store)).map(({ value: { first, last } }) => [first, last])
  return { segments: await ranges('segments'), commits: await ranges('commits') }
}

describe('reactions rule 3, sealing and archive:', { timeout: 120_000 }, () => {
  const most = Math.max(120_000, EVENTS * 10)
  test(`2 % of ${EVENTS.toLocaleString('en')} events with timers of up to 90 days are sealed and archived like others, and only open events are stored`, {
    timeout: most,
  }, async () => {
    const timers = EVENTS / 50
    const [with_, without] = [freshName(), freshName()]
    const engines = [await open(with_, remindLater), await open(without)]
    for (const engine of engines) {
      for (let i = 0; i < timers; i++) {
        const requested = engine.dispatch.requestTurn({ id: `${i}` })
        await Promise.all([requested, engine.dispatch.notes({ count: 49 })])
      }
      await engine.projected()
    }
    await engines[0]?.settled()
    for (const engine of engines) await archive(engine, { before: EVENTS - 300 })
    expect(await placesOf(with_)).toEqual(await placesOf(without))
    expect((await placesOf(with_)).segments.length).toBeGreaterThan(0)
    expect(engines[0]?.status.sequence).toBe(EVENTS)
    const open_ = await openOf(with_)
    expect(open_.length).toBe(timers)
    // The records are one position and the holder.
    expect((await dump(with_, 'reactions')).length).toBe(timers + 2)
    expect(Math.max(...open_.map(({ due }) => due))).toBeGreaterThan(Date.now() + 89 * DAY_MS)
  })

  test('archive moves an open event out, and its work continues', async () => {
    const name = freshName()
    const provider = createProvider()
    const engine = await open(name, (chat) => ({
      answer: reaction(chat, {
        on: ['turnRequested'],
        from: 'now',
        async run({ event, key, signal, dispatch }) {
          const text = await provider.ask(key, event.data.id, signal)
          await dispatch.finishTurn({ id: event.data.id, text }, { settles: true })
        },
      }),
    }))
    await engine.dispatch.requestTurn({ id: 'a' })
    await provider.call(0)
    await notes(engine)
    await archive(engine, { before: 500 })
    expect((await dump(name, 'meta')).find(({ key }) => key === 'log')?.value.base).toBeGreaterThan(1)
    const call = await provider.call(1)
    expect(call.key).toBe(provider.calls[0]?.key)
    call.answer('late')
    await expect.poll(() => engine.read.turns.get('a')?.state, { timeout: 20_000 }).toBe('finished')
    expect(await openOf(name)).toEqual([])
  })

  test('archive keeps events that a reaction has not read', async () => {
    const name = freshName()
    const called: string[] = []
    const answer = (version: number) => (chat: Chat) => ({
      answer: reaction(chat, {
        version,
        on: ['turnRequested'],
        from: 'now',
        run: ({ event }) => void called.push(event.data.id),
      }),
    })
    const newer = await open(name, answer(2))
    await newer.dispatch.requestTurn({ id: 'a' })
    await newer.settled()
    expect((await positionsOf(name)).answer.scanned).toBe(1)
    await newer.close()
    // An older build runs nothing here, and must not discard the events that wait for the newer build.
    const older = await open(name, answer(1))
    await expect.poll(() => older.status.reactions.answer?.state, { timeout: 20_000 }).toBe('stopped')
    await notes(older)
    await older.dispatch.requestTurn({ id: 'b' })
    await notes(older)
    await archive(older, { before: 1100 })
    await older.close()
    const again = await open(name, answer(2))
    await expect.poll(() => called, { timeout: 20_000 }).toEqual(['a', 'b'])
    await again.settled()
    await archive(again, { before: 1100 })
    expect((await dump(name, 'meta')).find(({ key }) => key === 'log')?.value.base).toBeGreaterThan(602)
  })

  test('archive keeps the events from where the reactions of a restored log will begin, if none has begun yet', async () => {
    const name = freshName()
    const engine = await open(name)
    await notes(engine)
    await engine.close()
    const database = await openDatabase(name, false)
    atEnd(() => database.close())
    const { lineage = '' } = (await readIdentity(database))!
    database.log = await readIdentity(database)
    await inDatabase(name, (store) => {
      store('reactions').put({ version: 0, lineage, scanned: 200 }, [NONE_YET])
      // A tab has appended since.
      store('reactions').put({ booted: 300 }, 'booted 300')
    })
    let now = 0
    vi.spyOn(performance, 'now').mockImplementation(() => (now += 10_000))
    atEnd(() => vi.restoreAllMocks())
    const core = { reactions: { answer: { state: 'idle' } }, nextChange: async () => {} } as unknown as Core
    expect(await waitForReactions(core, database, 600)).toBe(200)
  })
})
