import { defineEvents, defineModel, event, openEngine, projection, table, value } from 'tidemark'
import { at } from 'tidemark/tools'
import { describe, expect, test, vi } from 'vitest'
import { type AnyModel, createFolds, readOf } from '../../../src/model/model.ts'
import { openDatabase, seal } from '../../log/rooms.ts'
import { inDatabase } from '../../log/storage.ts'
import { atEnd, type Tab, tab } from '../kit.ts'
import { collect, freshName, later, newerApp, outcome, shown, todoApp } from '../todos.ts'

/** The same numbers each run. */
const random = (first: number) => {
  let seed = first
  return () => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
    return seed / 2 ** 32
  }
}

/** A log in which rows come, change, go and come again, in commits of one to forty events. */
async function lively(engine: Tab, events: number, chance = random(7)): Promise<void> {
  const pick = () => `t${Math.floor(chance() * 60)}`
  while (engine.status.sequence < events) {
    const dice = chance()
    const id = pick()
    const title = `title ${Math.floor(chance() * 20)}`
    if (dice < 0.3) await engine.dispatch.addOnce({ id, title }).catch(() => {})
    else if (dice < 0.5) await engine.dispatch.toggle({ id }).catch(() => {})
    else if (dice < 0.65) await engine.dispatch.rename({ id, title }).catch(() => {})
    else if (dice < 0.8) await engine.dispatch.remove({ id })
    else if (dice < 0.84) await engine.dispatch.clearDone()
    else await engine.dispatch.addMany({ ids: Array.from({ length: 1 + Math.floor(chance() * 40) }, pick) })
  }
}

/** What each sequence shows, by folds that only go forward. */
async function replayed(engine: Tab) {
  const folds = createFolds(todoApp() as unknown as AnyModel)
  const states = [shown({ read: readOf(folds) } as never)]
  for (const event of await collect(engine.history())) {
    for (const fold of folds) fold.apply(event)
    states.push(shown({ read: readOf(folds) } as never))
  }
  return states
}

describe('at', () => {
  test('shows each sequence as a fold from zero does, whichever way it got there', async () => {
    const a = await tab(freshName())
    await lively(a, 2500)
    const states = await replayed(a)
    const past = await at(a, 1234)
    expect(past.sequence).toBe(1234)
    const chance = random(3)
    for (let i = 0; i < 200; i++) {
      const jump = Math.floor(chance() * states.length)
      // A jump, then a walk around it, over the beginnings of commits and of what is kept of them.
      for (const sequence of [jump, jump - 1, jump - 2, jump + 1, jump + 2]) {
        if (sequence < 0 || sequence >= states.length) continue
        await past.move(sequence)
        expect(past.sequence).toBe(sequence)
        expect(shown(past as never)).toEqual(states[sequence])
        expect(past.read.todos.by('done', true)).toEqual(states[sequence]!.todos.filter(({ done }) => done))
      }
    }
    expect(shown(a)).toEqual(states.at(-1))
  })

  test('walks back and forth one by one through the whole log', async () => {
    const a = await tab(freshName())
    await lively(a, 1300, random(11))
    const states = await replayed(a)
    const head = a.status.sequence
    const past = await at(a, head)
    for (let sequence = head; sequence >= 0; sequence--) {
      await past.move(sequence)
      expect(shown(past as never)).toEqual(states[sequence])
      expect(past.event?.sequence ?? 0).toBe(sequence)
    }
    for (let sequence = 0; sequence <= head; sequence++) {
      await past.move(sequence)
      expect(shown(past as never)).toEqual(states[sequence])
    }
  })

  describe('in a log too long to keep every way back', () => {
    const EVENTS = 30_000
    const COMMIT = 500
    let folded = 0
    let poison = 0
    const events = defineEvents({ moved: event<{ id: string; to: number }>() })
    const evolve = (_: unknown, { data: { id, to } }: { data: { id: string; to: number } }) =>
      to % 4 ? { id, to } : null
    const model = () =>
      defineModel({
        name: 'long',
        events,
        projections: {
          count: projection(events, { into: value(0), evolve: { moved: (n) => n + Number(++folded > 0) } }),
          places: projection(events, { into: table<{ id: string; to: number }>('id'), evolve: { moved: evolve } }),
          fragile: projection(events, {
            into: table<{ id: string; to: number }>('id'),
            version: 2,
            evolve: {
              moved(row, event) {
                if (event.sequence === poison) throw new RangeError('no more')
                return evolve(row, event)
              },
            },
          }),
        },
        commands: {
          move: ({ count }, n: number) =>
            Array.from({ length: n }, (_, i) => {
              const to = Math.imul(count.value + i + 1, 2_654_435_761) >>> 8
              return events.moved({ id: `p${to % 97}`, to })
            }),
        },
      })
    const open = async () => {
      poison = 0
      const engine = await openEngine(model(), { storage: 'memory' })
      while (engine.status.sequence < EVENTS) await engine.dispatch.move(COMMIT)
      return engine
    }
    const rows = (engine: { history(): AsyncIterable<{ type: string }> }, wanted: readonly number[]) =>
      collect(engine.history() as never).then((all: readonly any[]) => {
        const places = createFolds(model() as unknown as AnyModel)[1]!
        return new Map(
          all.flatMap((event) => {
            places.apply(event)
            return wanted.includes(event.sequence) ? [[event.sequence, (places.view as any).all()] as const] : []
          }),
        )
      })

    test('the first view folds each event once, a move to a neighbour few, and a distant move those after a point', async () => {
      const engine = await open()
      const chance = random(5)
      const looks = [EVENTS, 1, EVENTS / 2, ...Array.from({ length: 30 }, () => 1 + Math.floor(chance() * EVENTS))]
      const around = (sequence: number) =>
        [0, -1, -2, -300, 1].map((by) => Math.min(EVENTS, Math.max(1, sequence + by)))
      const states = await rows(engine, looks.flatMap(around))
      folded = 0
      const past = await at(engine, EVENTS)
      expect(folded).toBe(EVENTS)
      for (const look of looks) {
        for (const sequence of around(look)) {
          const far = Math.abs(sequence - past.sequence)
          folded = 0
          await past.move(sequence)
          expect(past.sequence).toBe(sequence)
          expect(past.event?.sequence).toBe(sequence)
          expect(past.read.places.all()).toEqual(states.get(sequence))
          expect(past.read.fragile.all()).toEqual(states.get(sequence))
          expect(past.read.count.value).toBe(sequence)
          // Between two points, after the window that begins there, and the stretch that the way back cuts.
          expect(folded).toBeLessThanOrEqual(far > 1 ? Math.max(far, 8192) + 4096 + COMMIT : 256)
        }
      }
      await engine.close()
    })

    test('a date is found, and moves to its neighbours are fast', async () => {
      const engine = await open()
      const last = (await collect(engine.history({ reverse: true, limit: 1 })))[0]!.at
      await later(5)
      await engine.dispatch.move(COMMIT)
      const sequence = engine.status.sequence - COMMIT
      const states = await rows(engine, [sequence, sequence - 1, sequence - 2])
      const past = await at(engine, new Date(last))
      for (const wanted of [sequence, sequence - 1, sequence - 2]) {
        folded = 0
        if (wanted < sequence) await past.move(wanted)
        expect(past.sequence).toBe(wanted)
        expect(past.read.places.all()).toEqual(states.get(wanted))
        expect(folded).toBe(0)
      }
      await engine.close()
    })

    test('an event that fails on the way to a distant sequence takes its commit back', async () => {
      const engine = await open()
      const [start, end] = [12_000, 12_500]
      const states = await rows(engine, [100, start, 12_100, 12_233, end, 25_000])
      poison = 12_234
      const past = await at(engine, 25_000)
      for (const [sequence, fragile] of [
        [25_000, start],
        [end, start],
        [12_233, 12_233],
        [100, 100],
        [25_000, start],
        [12_100, 12_100],
      ] as const) {
        await past.move(sequence)
        expect(past.read.places.all()).toEqual(states.get(sequence))
        expect(past.read.fragile.all()).toEqual(states.get(fragile))
      }
      await engine.close()
    })
  })

  test('names the event and what it changed', async () => {
    const a = await tab(freshName())
    await a.dispatch.add({ id: 'a', title: 'Milk' })
    await a.dispatch.toggle({ id: 'a' })
    await a.dispatch.clearDone()
    const past = await at(a, 2)
    const milk = { id: 'a', title: 'Milk', done: false }
    expect(past.event).toMatchObject({ type: 'todoToggled', sequence: 2, data: { id: 'a' } })
    expect(past.changes).toEqual([{ projection: 'todos', key: 'a', before: milk, after: { ...milk, done: true } }])
    await past.move(3)
    expect(past.changes).toEqual([{ projection: 'todos', key: 'a', before: { ...milk, done: true }, after: undefined }])
    await past.move(1)
    expect(past.changes).toEqual([
      { projection: 'todos', key: 'a', before: undefined, after: milk },
      { projection: 'count', before: 0, after: 1 },
      { projection: 'titles', key: 'Milk', before: undefined, after: { title: 'Milk', times: 1 } },
    ])
    await past.move(0)
    expect(past.event).toBeUndefined()
    expect(past.changes).toEqual([])
    expect(past.read.todos.size).toBe(0)
  })

  test('stays where it is while the present goes on, and can follow it', async () => {
    const a = await tab(freshName())
    await a.dispatch.add({ id: 'a', title: 'a' })
    const past = await at(a, 1)
    const { read } = past
    expect(past.read).toBe(read)
    await a.dispatch.add({ id: 'b', title: 'b' })
    expect(past.read.todos.size).toBe(1)
    await past.move(2)
    expect(past.read).not.toBe(read)
    expect(past.read.todos.all()).toEqual(a.read.todos.all())
    await a.dispatch.toggle({ id: 'a' })
    expect(past.read.todos.get('a')).toMatchObject({ done: false })
    expect(() => Object.assign(past.read.todos.get('a')!, { done: true })).toThrow(TypeError)
  })

  test('a date means the state before the first event later than it', async () => {
    const a = await tab(freshName())
    await a.dispatch.add({ title: 'early' })
    await later(5)
    const between = new Date()
    await later(5)
    await a.dispatch.add({ title: 'late' })
    expect((await at(a, between)).read.todos.all()).toMatchObject([{ title: 'early' }])
    expect((await at(a, new Date(0))).sequence).toBe(0)
    expect((await at(a, new Date())).sequence).toBe(2)
    expect(await outcome(at(a, new Date(Number.NaN)))).toBeInstanceOf(RangeError)
  })

  test('a sequence that the log does not have is a RangeError, and the view stays', async () => {
    const a = await tab(freshName())
    await a.dispatch.add({ title: 'x' })
    for (const wrong of [-1, 2, 0.5, Number.NaN]) expect(await outcome(at(a, wrong))).toBeInstanceOf(RangeError)
    const past = await at(a, 1)
    expect(await outcome(past.move(2))).toBeInstanceOf(RangeError)
    expect(past.sequence).toBe(1)
  })

  test('is refused on a closed engine, and on what is not an engine; a view ends with its engine', async () => {
    const a = await tab(freshName())
    await a.dispatch.add({ title: 'x' })
    const past = await at(a, 1)
    await a.close()
    expect(await outcome(at(a, 1))).toMatchObject({ name: 'EngineClosed', reason: 'closed' })
    expect(await outcome(past.move(0))).toMatchObject({ name: 'EngineClosed' })
    expect(past.read.todos.size).toBe(1)
    expect(await outcome(at({} as never, 1))).toMatchObject({ name: 'ModelError' })
  })

  test('if it is moved again during a move, the last move counts', async () => {
    const a = await tab(freshName())
    await lively(a, 600)
    const past = await at(a, 0)
    const moves = [past.move(500), past.move(20), past.move(300)]
    await Promise.all(moves)
    expect(past.sequence).toBe(300)
    // Again at once: what ended in the same turn must not be taken for under way.
    past.move(10)
    await past.move(11)
    expect(past.sequence).toBe(11)
  })

  test('a projection that fails stays at its last good state from the failing commit on, in both directions', async () => {
    const name = freshName()
    const a = await tab(name, { poison: 'bad' })
    const b = await tab(name)
    await b.dispatch.addMany({ ids: ['x', 'y'] })
    await b.dispatch.addMany({ ids: ['good', 'bad', 'after'] })
    await b.dispatch.add({ id: 'z', title: 'x' })
    await expect.poll(() => a.status.sequence).toBe(6)
    expect(a.status.projections.titles).toMatchObject({ state: 'failed', sequence: 4 })
    const past = await at(a, 6)
    const titles = () => past.read.titles.all().map(({ title }) => title)
    expect(titles()).toEqual(a.read.titles.all().map(({ title }) => title))
    const seen: string[][] = []
    for (const sequence of [0, 1, 2, 3, 4, 5, 6, 5, 4, 3, 2, 1]) {
      await past.move(sequence)
      seen.push(titles())
    }
    const [x, xy] = [['x'], ['x', 'y']]
    expect(seen).toEqual([[], x, xy, [...xy, 'good'], xy, xy, xy, xy, xy, [...xy, 'good'], xy, x])
    expect(past.read.todos.size).toBe(1)
  })

  test('an event that fails late in a large commit takes all of the commit back', async () => {
    const name = freshName()
    // Before there are rows that a tab without the mistake has persisted.
    const a = await tab(name, { poison: 'bad' })
    const b = await tab(name)
    const ids = Array.from({ length: 1500 }, (_, i) => (i === 1200 ? 'bad' : `n${i}`))
    await b.dispatch.addMany({ ids: Array.from({ length: 100 }, (_, i) => `m${i}`) })
    await b.dispatch.addMany({ ids })
    await b.dispatch.addMany({ ids: ['end'] })
    await expect.poll(() => a.status.sequence).toBe(1601)
    expect(a.status.projections.titles).toMatchObject({ state: 'failed', sequence: 1301 })
    const past = await at(a, 1601)
    const sizes: number[] = []
    for (const sequence of [1601, 1600, 1301, 1300, 101, 100, 99, 600, 1300, 1301, 1601]) {
      await past.move(sequence)
      sizes.push(past.read.titles.size)
    }
    expect(sizes).toEqual([100, 100, 100, 1300, 101, 100, 99, 600, 1300, 100, 100])
    expect(past.read.titles.all()).toEqual(a.read.titles.all())
  })

  test('reads sealed segments, old versions and a log in memory', async () => {
    const name = freshName()
    const a = await tab(name)
    await lively(a, 600)
    const states = await replayed(a)
    const database = await openDatabase(name, false)
    expect(await seal(database, 500, 150)).toBe(true)
    expect(await seal(database, 500, 150)).toBe(true)
    database.close()
    const past = await at(a, 10)
    for (const sequence of [599, 10, 300, 151, 150, 152, 149]) {
      await past.move(sequence)
      expect(shown(past as never)).toEqual(states[sequence])
    }
    await a.close()
    const newer = await openEngine(newerApp(), { name })
    const now = await at(newer, newer.status.sequence)
    expect(now.read.todos.all()).toEqual(newer.read.todos.all())
    await newer.close()

    const memory = await tab(name, {}, { storage: 'memory' })
    await memory.dispatch.add({ title: 'x' })
    expect((await at(memory, 1)).read.todos.size).toBe(1)
  })

  test('tells its progress, ends with the reason of its signal, and reports a hole', async () => {
    const name = freshName()
    const a = await tab(name)
    await lively(a, 3000)
    const reason = new Error('enough')
    expect(await outcome(at(a, 9, { signal: AbortSignal.abort(reason) }))).toBe(reason)
    const seen: number[] = []
    await at(a, 3000, {
      onProgress: ({ phase, done, total }) => seen.push(done) && expect([phase, total]).toEqual(['catch-up', 3000]),
    })
    expect(seen).toEqual([...seen].sort((x, y) => x - y))
    const cut = (await collect(a.history({ after: 1500, limit: 1 })))[0]!
    await inDatabase(name, (store) => store('commits').delete(IDBKeyRange.bound(cut.sequence - 40, cut.sequence)))
    expect(await outcome(at(a, 3000))).toMatchObject({ name: 'CorruptLog' })
  })

  describe('the page can render on the way', () => {
    const ROWS = 20_000
    let folded = 0
    /** Milliseconds that one event takes, by a clock that nothing else moves. */
    let cost = 0
    let clock = 0
    let turns = 0
    let foldedInTurn = 0
    let most = 0
    const events = defineEvents({ added: event<{ id: number }>() })
    const model = () =>
      defineModel({
        name: 'wide',
        events,
        projections: {
          rows: projection(events, {
            into: table<{ id: number }>('id'),
            evolve: {
              added(_, { data }) {
                folded++
                clock += cost
                most = Math.max(most, ++foldedInTurn)
                return data
              },
            },
          }),
        },
        commands: {
          add: ({ rows }, n: number) => Array.from({ length: n }, (_, i) => events.added({ id: rows.size + i })),
        },
      })
    const open = async () => {
      cost = 0
      const engine = await openEngine(model(), { storage: 'memory' })
      atEnd(() => engine.close())
      while (engine.status.sequence < ROWS) await engine.dispatch.add(1000)
      const { MessageChannel } = globalThis
      vi.spyOn(performance, 'now').mockImplementation(() => clock)
      atEnd(() => vi.restoreAllMocks())
      vi.stubGlobal(
        'MessageChannel',
        class extends MessageChannel {
          constructor() {
            super()
            turns++
            foldedInTurn = 0
          }
        },
      )
      turns = foldedInTurn = most = folded = 0
      return engine
    }

    test('between any two events, also those of one commit', async () => {
      const engine = await open()
      cost = 1
      const past = await at(engine, ROWS)
      // A slice, and what is folded between two looks at the clock.
      expect([folded, most <= 12 + 16, turns >= ROWS / 28]).toEqual([ROWS, true, true])
      cost = 20
      for (const sequence of [ROWS - 9000, ROWS - 30, ROWS]) {
        most = foldedInTurn = 0
        await past.move(sequence)
        expect(most).toBeLessThanOrEqual(1)
      }
    })

    test('between any 2,048 rows that are kept or brought back, and shows no half of them', async () => {
      const engine = await open()
      const past = await at(engine, ROWS)
      const seen = new Set<number>()
      vi.spyOn(performance, 'now').mockImplementation(() => {
        seen.add(past.read.rows.size)
        clock += 13
        return clock
      })
      turns = 0
      await past.move(ROWS - 9000)
      await past.move(ROWS)
      expect(past.read.rows.size).toBe(ROWS)
      // Each state that was seen has existed. A jump shows the last point, and nothing in between.
      const sizes = [...seen]
      expect(sizes.filter((size) => size < 8000)).toEqual([])
      expect(turns).toBeGreaterThan((ROWS - 9000) / 2048)
    })
  })
})
