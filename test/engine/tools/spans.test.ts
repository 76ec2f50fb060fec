import { CommandRejected, type OpenOptions, openEngine } from 'tidemark'
import { performanceTrack, type Span, spans } from 'tidemark/tools'
import { afterEach, expect, test, vi } from 'vitest'
import { atEnd, broken, tab } from '../kit.ts'
import { freshName, outcome, todoApp } from '../todos.ts'

afterEach(() => vi.restoreAllMocks())

/** An engine that is observed, and what was reported. */
async function observed(name = freshName(), options: OpenOptions = {}) {
  const told: Span[] = []
  const one = await openEngine(todoApp({ poison: 'bad' }), {
    name,
    ...options,
    observe: spans((span) => told.push(span)),
  })
  atEnd(() => one.close())
  const of = (name: Span['name']): Span[] => told.filter((span) => span.name === name)
  return { one, told, of, name }
}

const untilTold = (of: () => readonly unknown[], count = 1): Promise<void> =>
  vi.waitFor(() => expect(of().length).toBeGreaterThanOrEqual(count))

test('an observer is told of the boot, once, when the engine is ready', async () => {
  const { of, name } = await observed()
  expect(of('boot')).toEqual([
    {
      name: 'boot',
      engine: name,
      start: expect.any(Number),
      duration: expect.any(Number),
      detail: { sequence: 0, storage: 'best-effort' },
    },
  ])
})

test('an observer is told of a boot that fails, and why', async () => {
  const told: Span[] = []
  const opening = new AbortController()
  const enough = new RangeError('enough')
  const opened = openEngine(todoApp(), {
    name: freshName(),
    signal: opening.signal,
    observe: spans((span) => told.push(span)),
  })
  opening.abort(enough)
  await expect(opened).rejects.toThrow('enough')
  await vi.waitFor(() => expect(told).toMatchObject([{ name: 'boot', error: enough }]))
})

test('an observer is told of each dispatch, with its events or its error, and of the append', async () => {
  const { one, of } = await observed()
  await one.dispatch.addMany({ ids: ['a', 'b'] }, { commandId: 'first' })
  expect(of('dispatch')).toMatchObject([
    { detail: { command: 'addMany', commandId: 'first', events: 2, decisions: 1, duplicate: false } },
  ])
  expect(of('append')).toMatchObject([{ detail: { first: 1, last: 2, outcome: 'appended' } }])
  const error = await outcome(one.dispatch.refuse())
  expect(error).toBeInstanceOf(CommandRejected)
  expect(of('dispatch')[1]).toMatchObject({ detail: { command: 'refuse' }, error })
  await outcome(one.dispatch.add({ title: 'bad' }))
  expect(of('dispatch')[2]).toMatchObject({ detail: { command: 'add' }, error: new RangeError('no bad') })
  expect(of('append')).toHaveLength(1)
})

test('a span of a dispatch covers its decision and ends when its promise settles', async () => {
  const { one, of } = await observed()
  const before = performance.now()
  await one.dispatch.add({ title: 'Milk' })
  const after = performance.now()
  const [{ start, duration }] = of('dispatch') as [Span]
  const [append] = of('append') as [Span]
  // The clock of the first decision has whole milliseconds.
  expect(start).toBeGreaterThanOrEqual(before - 2)
  expect(start).toBeLessThanOrEqual(append.start)
  expect(start + duration).toBeGreaterThanOrEqual(append.start + append.duration)
  expect(start + duration).toBeLessThanOrEqual(after)
})

test('an observer is told of catching up with another tab', async () => {
  const { one, of, name } = await observed()
  const other = await tab(name)
  await other.dispatch.add({ title: 'Milk' })
  await vi.waitFor(() => expect(one.status.sequence).toBe(1))
  // Two tabs at once: the slower one reads what the faster one appended.
  await Promise.all([other.dispatch.add({ title: 'Bread' }), one.dispatch.add({ title: 'Eggs' })])
  await vi.waitFor(() => expect(one.status.sequence).toBe(3))
  await untilTold(() => of('append'))
  for (const { detail } of of('catch-up')) expect(detail.sequence).toBeGreaterThanOrEqual(detail.after as number)
})

test('an observer is told of flushes and rebuilds', async () => {
  const { one, of } = await observed()
  await one.dispatch.add({ title: 'Milk' })
  await one.projected()
  await one.rebuild({ projections: ['todos'] })
  await untilTold(() => of('rebuild'))
  expect(of('rebuild')).toMatchObject([{ detail: { projections: ['todos'], sequence: 1 } }])
  expect(of('flush').length).toBeLessThanOrEqual(1)
})

test('an observer is told of an append that fails', async () => {
  const { one, of } = await observed()
  const faults = broken()
  faults.onWrite = (store) => {
    if (store !== 'commits') return
    faults.onWrite = undefined
    throw new DOMException('by the test', 'UnknownError')
  }
  await one.dispatch.add({ title: 'Milk' })
  // The command is appended by the second try.
  expect(of('append')).toMatchObject([
    { detail: { first: 1 }, error: { name: 'StorageError' } },
    { detail: { first: 1, outcome: 'appended' } },
  ])
  expect(of('dispatch')).toHaveLength(1)
})

test('an observer that throws is reported and disturbs nothing', async () => {
  const reported = vi.fn()
  vi.stubGlobal('reportError', reported)
  const mistake = new RangeError('a mistake in the observer')
  const one = await openEngine(todoApp(), {
    storage: 'memory',
    observe: spans(() => {
      throw mistake
    }),
  })
  await one.dispatch.add({ title: 'Milk' })
  expect(one.read.count.value).toBe(1)
  expect(reported).toHaveBeenCalledWith(mistake)
  await one.close()
})

test('performanceTrack writes entries that the Performance panel of Chrome puts into a track, and keeps none', async () => {
  const measure = vi.spyOn(performance, 'measure')
  const one = await openEngine(todoApp(), { storage: 'memory', observe: performanceTrack })
  await one.dispatch.add({ title: 'Milk' })
  await outcome(one.dispatch.refuse())
  const entries = measure.mock.calls.map(([label, given]) => [
    label,
    (given as PerformanceMeasureOptions).detail.devtools,
  ])
  expect(entries.map(([label]) => label)).toEqual([
    'tidemark: boot',
    'tidemark: append',
    'tidemark: add',
    'tidemark: refuse',
  ])
  for (const [, devtools] of entries) expect(devtools).toMatchObject({ dataType: 'track-entry', track: 'Tidemark' })
  expect(entries[3]?.[1].color).toBe('error')
  expect(performance.getEntriesByType('measure')).toEqual([])
  await one.close()
})
