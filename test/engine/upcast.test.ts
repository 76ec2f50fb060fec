import { defineEvents, defineModel, event, openEngine, projection, table } from 'tidemark'
import { afterEach, expect, test } from 'vitest'
import './kit.ts'
import { freshName, outcome } from './todos.ts'

// Case C2: one old event that a step of `upcast` can't handle.

interface Old {
  readonly id: string
  readonly text?: string
}
const oldApp = () => {
  const events = defineEvents({ noted: event<Old>() })
  return defineModel({
    name: 'notes',
    events,
    projections: { notes: projection(events, { into: table<Old>('id'), evolve: { noted: (_, { data }) => data } }) },
    commands: { note: (_, note: Old) => events.noted(note) },
  })
}
const newApp = () => {
  const events = defineEvents({
    noted: event<Old>().upcast(({ id, text }) => ({ id, words: (text as string).split(' ').length })),
  })
  return defineModel({
    name: 'notes',
    events,
    projections: {
      notes: projection(events, {
        into: table<{ id: string; words: number }>('id'),
        version: 2,
        evolve: { noted: (_, { data }) => data },
      }),
    },
    commands: { note: (_, { id }: { id: string }) => events.noted({ id, words: 0 }) },
  })
}
const open: { close(): Promise<void> }[] = []
const opened = <T extends { close(): Promise<void> }>(engine: T): T => {
  open.push(engine)
  return engine
}
afterEach(async () => {
  await Promise.all(open.splice(0).map((engine) => engine.close()))
})

const message = expect.stringMatching(/"noted".*version 1.*\b2\b/s)

test('an old event that upcast can not handle: the open rejects and names type, version and sequence', async () => {
  const name = freshName()
  const old = opened(await openEngine(oldApp(), { name }))
  await old.dispatch.note({ id: 'a', text: 'two words' })
  await old.dispatch.note({ id: 'b' })
  await expect(openEngine(newApp(), { name })).rejects.toMatchObject({ name: 'ModelError', message })
  // The log is whole, and code that understands it opens it.
  expect(opened(await openEngine(oldApp(), { name })).read.notes.size).toBe(2)
})

test('the same in a tab that is open: it fails with that error, keeps its rows, and does not count as outdated', async () => {
  const name = freshName()
  const old = opened(await openEngine(oldApp(), { name }))
  await old.dispatch.note({ id: 'a', text: 'two words' })
  const tab = opened(await openEngine(newApp(), { name }))
  await old.dispatch.note({ id: 'b' })
  await expect.poll(() => tab.status.state).toBe('failed')
  expect(tab.status.lastError).toMatchObject({ name: 'ModelError', message })
  expect(tab.status.behind).toBeUndefined()
  expect(tab.read.notes.all()).toEqual([{ id: 'a', words: 2 }])
  expect(await outcome(tab.dispatch.note({ id: 'c' }))).toBe(tab.status.lastError)
  // Nothing more will be persisted: nobody waits for it.
  expect(await outcome(tab.projected())).toBe(tab.status.lastError)
})
