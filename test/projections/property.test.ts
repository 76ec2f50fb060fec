import fc from 'fast-check'
import { expect, test } from 'vitest'
import { freshName, openTab, shown, todoApp } from '../engine/todos.ts'
import { type AnyModel, openDatabase, seal } from '../log/rooms.ts'
import { dump } from '../log/storage.ts'
import { createFolds, createPipeline, readSnapshot } from './rooms.ts'

const model = todoApp() as unknown as AnyModel
const ids = fc.constantFrom('a', 'b', 'c', 'd', 'e')
/** What may happen to a log between two checks. */
const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('add' as const), id: ids, title: fc.constantFrom('x', 'y', 'z') }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('many' as const), count: fc.integer({ min: 1, max: 700 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('toggle' as const, 'remove' as const), id: ids }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom('clearDone' as const, 'restart' as const, 'seal' as const) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom('flush' as const, 'catchUp' as const), pipeline: fc.nat(1) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('rebuild' as const), pipeline: fc.nat(1) }) },
)

/** Replays from zero with the folds alone, one event at a time. */
async function replayed(engine: Awaited<ReturnType<typeof openTab>>): Promise<ReturnType<typeof shown>> {
  const folds = createFolds(model)
  for await (const event of engine.history()) for (const fold of folds) fold.apply(event as never)
  const read = Object.fromEntries(folds.map(({ name, view }) => [name, view]))
  return shown({ read } as never)
}

/** What a boot would show from the persisted pages alone, and the last event that each page includes. */
async function persisted(name: string) {
  const database = await openDatabase(name, false)
  const folds = createFolds(model)
  const snapshot = await readSnapshot(database, folds)
  database.close()
  return { folds, snapshot }
}

test('guarantee 5: snapshot(S) + tail == replay from zero, for random commands, flushes, seals, rebuilds and restarts, beside a second pipeline', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 14 }), async (steps) => {
      const name = freshName()
      let tab = await openTab(name)
      const pipelines = [await createPipeline(model, name), await createPipeline(model, name)]
      let more = 0
      try {
        for (const one of steps) {
          if (one.do === 'add') await tab.dispatch.add(one)
          else if (one.do === 'many')
            await tab.dispatch.addMany({ ids: Array.from({ length: one.count }, () => `m${more++}`) })
          else if (one.do === 'toggle' || one.do === 'remove') await tab.dispatch[one.do](one).catch(() => {})
          else if (one.do === 'clearDone') await tab.dispatch.clearDone()
          else if (one.do === 'flush') await pipelines[one.pipeline]!.flush()
          else if (one.do === 'catchUp') await pipelines[one.pipeline]!.shop.atHead(() => {})
          else if (one.do === 'rebuild') await pipelines[one.pipeline]!.rebuild(`r${more++}`)
          else if (one.do === 'seal') {
            const database = await openDatabase(name, false)
            const stored = (await dump(name, 'checkpoints')).map(({ value }) => value.sequence)
            await seal(database, stored.length < 3 ? 0 : Math.min(...stored), 10)
            database.close()
          } else {
            await tab.close()
            tab = await openTab(name)
          }
        }
        const whole = await replayed(tab)
        expect(shown(tab)).toEqual(whole)
        const fresh = await openTab(name)
        expect(shown(fresh)).toEqual(whole)
        expect(fresh.status.lastError).toBeUndefined()
        await fresh.close()
        // Guarantee 5, literally: the pages of each projection at S equal the fold of events 1 to S, order included.
        const { folds, snapshot } = await persisted(name)
        expect(snapshot.discarded).toEqual([])
        const expected = createFolds(model)
        for await (const event of tab.history())
          for (const [i, fold] of expected.entries())
            if (event.sequence <= (snapshot.checkpoints.get(fold.identity)?.sequence ?? 0))
              expected[i]!.apply(event as never)
        for (const [i, fold] of folds.entries()) {
          expect([...fold.slots].map(({ n, row }) => [n, row])).toEqual(
            [...expected[i]!.slots].map(({ n, row }) => [n, row]),
          )
          expect(fold.next).toBe(expected[i]!.next)
        }
        // Guarantee 8: two pipelines wrote, and no row is in two pages.
        const rows = (await dump(name, 'pages')).flatMap(({ key, value }) =>
          value.rows.map((row: any) => `${key[0]} ${row?.id ?? row?.title}`),
        )
        expect(new Set(rows).size).toBe(rows.length)
      } finally {
        await tab.close()
        await Promise.all(pipelines.map((one) => one.close()))
      }
    }),
    { numRuns: 12 },
  )
}, 60_000)
