import { defineEvents, defineModel, event, openEngine, projection, table } from 'tidemark'
import { expect, test } from 'vitest'
import { wire } from '../engine/channel.ts'
import { quiet, traffic } from '../engine/kit.ts'
import { freshName } from '../engine/todos.ts'

interface Item {
  id: string
  list: string
  done: boolean
}
const events = defineEvents({
  added: event<{ items: readonly Item[] }>(),
  ticked: event<{ id: string }>(),
  listTicked: event<{ list: string }>(),
})

/** A new model each, so that each engine is a tab of its own; counts the rows that its folds look at. */
function createItems() {
  let evolved = 0
  const count = <T>(row: T): T => {
    evolved++
    return row
  }
  const model = defineModel({
    name: 'items',
    events,
    projections: {
      items: projection(events, {
        into: table<Item>('id'),
        by: {
          added: ({ data }) => data.items.map(({ id }) => id),
          listTicked: ({ data }) => ({ list: data.list }),
        },
        evolve: {
          added: (_, { data }, key) => count(data.items.find(({ id }) => id === key)),
          ticked: (item) => count(item && { ...item, done: !item.done }),
          listTicked: (item) => count(item && { ...item, done: true }),
        },
      }),
    },
    commands: {
      add: (_, items: Item[]) => events.added({ items }),
      tick: (_, id: string) => events.ticked({ id }),
      tickList: (_, list: string) => events.listTicked({ list }),
    },
  })
  return { model, count: () => evolved }
}

/** How a pipeline looks whether anything is left to persist. */
const LOOK = ['get meta', 'get meta', 'get checkpoints']

/** Without the looks after which nothing is written: when the second pipeline looks is up to its timer. */
function withoutLooks(requests: readonly string[]): string[] {
  const kept: string[] = []
  for (let i = 0; i < requests.length; i++) {
    const isLook = LOOK.every((one, n) => requests[i + n] === one) && !requests[i + LOOK.length]?.startsWith('put')
    if (isLook) i += LOOK.length - 1
    else kept.push(requests[i]!)
  }
  return kept
}

/** Requests and folded rows of one change, next to a table of `rows` rows and a log with `ticks` more events. */
async function costs(rows: number, ticks: number) {
  const name = freshName()
  wire()
  const [one, two] = [createItems(), createItems()]
  const a = await openEngine(one.model, { name })
  for (let n = 0; n < rows; n += 500)
    await a.dispatch.add(
      Array.from({ length: Math.min(500, rows - n) }, (_, i) => ({
        id: `i${n + i}`,
        list: n + i < 3 ? 'short' : 'long',
        done: false,
      })),
    )
  // One event of each type: the first of a type is recorded.
  await a.dispatch.tickList('short')
  await Promise.all(Array.from({ length: ticks + 1 }, () => a.dispatch.tick('i5')))
  const b = await openEngine(two.model, { name })
  await Promise.all([a.projected(), b.projected()])
  await quiet()

  const change = async (dispatch: () => Promise<{ sequence?: number | undefined }>) => {
    const folded = { a: one.count(), b: two.count() }
    const watched = traffic()
    const { sequence } = await dispatch()
    await expect.poll(() => b.status.sequence).toBe(sequence)
    await a.projected()
    watched.stop()
    return {
      requests: withoutLooks(watched.requests),
      folded: { a: one.count() - folded.a, b: two.count() - folded.b },
    }
  }
  const result = [await change(() => a.dispatch.tick('i1')), await change(() => a.dispatch.tickList('short'))]
  await Promise.all([a.close(), b.close()])
  return result
}

test('the cost of a change grows with neither table nor log: requests to dispatch, to tell the other tab and to persist, and folded rows', async () => {
  for (const [rows, ticks] of [
    [10, 0],
    [3000, 0],
    [10, 3000],
  ] as const) {
    const [tick, tickList] = await costs(rows, ticks)
    // One row, or the three that match: once in each tab, and once more where a pipeline of that page folds it too.
    for (const tab of ['a', 'b'] as const) {
      expect(tick!.folded[tab]).toBeOneOf([1, 2])
      expect(tickList!.folded[tab]).toBeOneOf([3, 6])
    }
    for (const { requests } of [tick!, tickList!])
      expect(requests).toEqual([
        ...['getKey segments', 'add commits'],
        // Of the pipeline that persists it.
        ...['get segments', 'getAll commits', ...LOOK, 'put pages', 'put checkpoints'],
      ])
  }
})
