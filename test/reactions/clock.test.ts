import { openEngine } from 'tidemark'
import { reaction } from 'tidemark/reactions'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { runReactionsOf } from '../../src/engine/reactions.ts'
import { lockName } from '../../src/locks.ts'
import type { OpenEvent } from '../../src/log/stores.ts'
import { createHost } from '../../src/projections/host.ts'
import { nextUp } from '../../src/reactions/next.ts'
import { atEnd } from '../engine/kit.ts'
import { freshName } from '../engine/todos.ts'
import { createLocks } from '../engine/tools/locks.ts'
import type { AnyModel } from '../log/rooms.ts'
import { chatApp } from './chat.ts'
import { chatTab, createProvider, openOf } from './kit.ts'

beforeEach(() => {
  vi.stubGlobal('navigator', { locks: createLocks() })
})

const HOUR_MS = 3_600_000

/** Fakes only these clocks. The timers of fake-indexeddb stay real. */
function byHand(...clocks: readonly ('Date' | 'performance')[]): void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', ...clocks] })
  atEnd(() => vi.useRealTimers())
}

describe('reactions rule 6, one holder:', () => {
  test('a visible tab replaces a holder that does not answer for 15 s', async () => {
    const name = freshName()
    const chat = chatApp()
    const called: string[] = []
    const answer = reaction(chat, {
      on: ['turnRequested'],
      from: 'now',
      run: ({ event }) => void called.push(event.data.id),
    })
    // A page that is frozen keeps its lock.
    let stolen = false
    navigator.locks
      .request(lockName('engine', name), () => new Promise(() => {}))
      .catch(() => {
        stolen = true
      })
    let asked = false
    const ear = new BroadcastChannel(`tidemark:${name}`)
    ear.onmessage = ({ data }) => {
      asked ||= data.engine === 'asked'
    }
    atEnd(() => ear.close())
    const soon = globalThis.setTimeout
    byHand()
    const opening = openEngine(chat, { name, mirror: false, reactions: async () => ({ answer }) })
    let engine: Awaited<typeof opening> | undefined
    void opening.then((opened) => (engine = opened))
    atEnd(async () => (await opening).close())
    /** Advances the clock in steps, and lets the rest of the page run after each. */
    const until = async (isSo: () => boolean, step: number): Promise<number> => {
      for (let ms = 0; ; ms += step) {
        if (isSo()) return ms
        await vi.advanceTimersByTimeAsync(step)
        await new Promise((resolve) => soon(resolve, 2))
      }
    }
    await until(() => asked, 10)
    const waited = await until(() => stolen, 100)
    expect(waited).toBeGreaterThan(14_000)
    expect(waited).toBeLessThan(16_000)
    void engine?.dispatch.requestTurn({ id: 'a' })
    await until(() => called.length > 0, 100)
    expect(called).toEqual(['a'])
  })
})

describe('reactions rule 10, timers:', () => {
  const open = (changes: Partial<OpenEvent>): OpenEvent => ({
    reaction: 'answer',
    index: 0,
    event: { type: 'turnRequested', data: {}, at: 0, commandId: 'c', sequence: 1 },
    lane: '',
    due: 0,
    handler: 'run',
    attempts: 0,
    until: 0,
    running: '',
    depth: 1,
    ...changes,
  })
  const at = (now: number, one: OpenEvent) => {
    const { start, wait } = nextUp({ concurrency: 4, open: [one], isBusy: () => false }, now)
    return { starts: start.length > 0, wait }
  }

  test('each wait lasts at most an hour, and the clock is read again after it', async () => {
    byHand('Date')
    const waits: number[] = []
    const { setTimeout: fake } = globalThis
    vi.stubGlobal('setTimeout', (run: () => void, ms = 0) => {
      waits.push(ms)
      return fake(run, ms)
    })
    const chat = chatApp()
    const ran: number[] = []
    const began = Date.now()
    const answer = reaction(chat, {
      on: ['turnRequested'],
      from: 'now',
      after: () => 50 * HOUR_MS,
      run: () => void ran.push(Date.now() - began),
    })
    const opening = openEngine(chat, { storage: 'memory', reactions: async () => ({ answer }) })
    await vi.advanceTimersByTimeAsync(10)
    const engine = await opening
    atEnd(() => engine.close())
    const requested = engine.dispatch.requestTurn({ id: 'a' })
    await vi.advanceTimersByTimeAsync(49 * HOUR_MS)
    await requested
    expect(ran).toEqual([])
    await vi.advanceTimersByTimeAsync(2 * HOUR_MS)
    expect(ran.length).toBe(1)
    expect(ran[0]).toBeLessThan(50 * HOUR_MS + 1000)
    expect(Math.max(...waits)).toBe(HOUR_MS)
  })

  test('a clock that jumps fires a timer late or at once, and delays no retry by more than an hour', () => {
    const due = 90 * 24 * HOUR_MS
    const timer = open({ due })
    expect(at(1, timer)).toEqual({ starts: false, wait: HOUR_MS })
    expect(at(due - 1000, timer)).toEqual({ starts: false, wait: 1000 })
    // A jump forward fires the timer at once. After a jump back, the clock is read again until it reaches the date.
    expect(at(due, timer).starts).toBe(true)
    expect(at(due - 24 * HOUR_MS, timer)).toEqual({ starts: false, wait: HOUR_MS })
    const retry = open({ attempts: 1, until: 10 * HOUR_MS })
    expect(at(10 * HOUR_MS - 1000, retry)).toEqual({ starts: false, wait: 1000 })
    expect(at(5 * HOUR_MS, retry).starts).toBe(true)
  })
})

describe('reactions rule 12, life:', () => {
  test('an attempt keeps its pipeline open for at most 30 s after the last tab has closed', async () => {
    const name = freshName()
    const chat = chatApp()
    const tab = await chatTab(name)
    const provider = createProvider()
    const answer = reaction(chat, {
      on: ['turnRequested'],
      from: 'now',
      run: ({ event, key, signal }) => provider.ask(key, event.data.id, signal),
    })
    let closed = false
    const host = createHost(chat as unknown as AnyModel, 'epoch', {
      idle: 1,
      opened({ shop }, { booted, ports, stay }) {
        shop.closing.addEventListener('abort', () => (closed = true))
        runReactionsOf({ answer }, { beside: shop, booted, pages: ports, stay })
      },
    })
    let leave = (): void => {}
    void navigator.locks.request(lockName('holder', 'a tab'), () => new Promise<void>((resolve) => (leave = resolve)))
    await host.hello(name, 'chat', false, 'a tab', 0)
    await tab.dispatch.requestTurn({ id: 'a' })
    const { signal } = await provider.call(0)
    byHand('performance')
    leave()
    await vi.advanceTimersByTimeAsync(29_000)
    expect([closed, signal.aborted]).toEqual([false, false])
    await vi.advanceTimersByTimeAsync(1100)
    vi.useRealTimers()
    await expect.poll(() => closed).toBe(true)
    expect(signal.aborted).toBe(true)
    // The event continues with the next tab.
    expect((await openOf(name)).map(({ event }) => event.data.id)).toEqual(['a'])
  })
})
