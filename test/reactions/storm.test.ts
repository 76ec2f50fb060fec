import { beforeEach, expect, test, vi } from 'vitest'
import { collect, freshName, later } from '../engine/todos.ts'
import { createLocks } from '../engine/tools/locks.ts'
import { chatTab, openOf, runner, steal } from './kit.ts'

beforeEach(() => {
  vi.stubGlobal('navigator', { locks: createLocks() })
})

/** Random numbers from 0 to 1: the same seed gives the same numbers. */
const seeded = (first: number) => {
  let seed = first
  return () => {
    seed = (seed + 0x6d2b79f5) | 0
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

test.each([1, 2])(
  '200 turns in 20 lanes, while holders are killed, doubled and lose their lock to a thief: each turn ends once, in the order of its lane (%i)',
  async (seed) => {
    const random = seeded(seed)
    const name = freshName()
    const tab = await chatTab(name)
    /** The events for which each idempotency key was used. */
    const provider = new Map<string, Set<string>>()
    const definitions = {
      answer: {
        concurrency: 8,
        retry: { tries: 5, delay: 1 },
        async run({ event, key, signal, dispatch }) {
          const seen = provider.get(key) ?? new Set<string>()
          provider.set(key, seen.add(event.commandId))
          await later(random() * 20)
          signal.throwIfAborted()
          if (random() < 0.15) throw new Error('429')
          await dispatch.finishTurn({ id: event.data.id, text: `words ${random()}` }, { settles: true })
        },
        lost: ({ event, dispatch }) => dispatch.interruptTurn({ id: event.data.id }, { settles: true }),
        failed: ({ event, error, dispatch }) =>
          dispatch.failTurn({ id: event.data.id, reason: (error as Error).message }, { settles: true }),
      },
    } satisfies Parameters<typeof runner>[1]
    let running: Awaited<ReturnType<typeof runner>>[] = await Promise.all([
      runner(name, definitions),
      runner(name, definitions),
    ])
    const isOver = () => tab.read.turns.size === 200 && tab.read.turns.all().every(({ state }) => state !== 'requested')

    const ended = () => tab.read.turns.all().filter(({ state }) => state !== 'requested').length
    const storm = async (): Promise<void> => {
      for (let next = 1; !isOver(); next = ended() + 1 + Math.floor(random() * 3)) {
        // Each holder finishes some work, also on a busy machine. Otherwise every attempt of one event may die, which makes it a dead letter.
        while (!isOver() && ended() < next) await later(2)
        await later(random() * 10)
        if (random() < 0.5) await steal(name)
        else {
          const dead = Math.floor(random() * running.length)
          await running[dead]?.close()
          const next = await runner(name, definitions)
          running = running.map((one, i) => (i === dead ? next : one))
        }
      }
    }
    const people = async (): Promise<void> => {
      for (let i = 0; i < 200; i++) {
        await tab.dispatch.requestTurn({ id: `t${i}`, thread: `lane ${i % 20}` })
        await later(random() * 3)
      }
    }
    await Promise.all([storm(), people()])
    await expect.poll(async () => (await openOf(name)).length, { timeout: 30_000 }).toBe(0)

    const events = await collect(tab.history())
    const ends = events.filter(({ type }) => type !== 'turnRequested')
    const order = ends.map(({ data }) => (data as { id: string }).id)
    expect(new Set(order).size).toBe(200)
    expect(order.length).toBe(200)
    for (let lane = 0; lane < 20; lane++) {
      const numbers = order.map((id) => Number(id.slice(1))).filter((n) => n % 20 === lane)
      expect(numbers).toEqual([...numbers].sort((a, b) => a - b))
    }
    for (const asked of provider.values()) expect(asked.size).toBe(1)
    // Turns that ended in another way were lost. An attempt is recorded just before `run` is called, so a holder may die between the two.
    const answered = ends.filter(
      ({ type, data }) => type === 'turnFinished' || (data as { reason?: string }).reason === '429',
    )
    const seen = new Set([...provider.values()].flatMap((asked) => [...asked]))
    const requests = new Map(
      events.flatMap(({ type, data, commandId }) =>
        type === 'turnRequested' ? [[(data as { id: string }).id, commandId]] : [],
      ),
    )
    expect(answered.length).toBeGreaterThan(0)
    expect(answered.filter(({ data }) => !seen.has(requests.get((data as { id: string }).id) ?? ''))).toEqual([])
  },
  120_000,
)
