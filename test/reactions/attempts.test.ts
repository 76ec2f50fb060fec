import { expect, test } from 'vitest'
import type { OpenEvent } from '../../src/log/stores.ts'
import type { ActiveReaction } from '../../src/reactions/activeReaction.ts'
import { createAttempts } from '../../src/reactions/attempts.ts'
import { reactionKeyOf } from '../../src/reactions/entry.ts'
import { holdReactions } from '../../src/reactions/holdReactions.ts'
import type { HolderPlace } from '../../src/reactions/place.ts'
import { createMemoryStore } from '../../src/reactions/store.ts'
import type { AnyDefinition } from '../../src/reactions/types.ts'
import { later } from '../engine/todos.ts'
import type { AnyModel } from '../log/rooms.ts'
import { chatApp } from './chat.ts'

test('an attempt counts only when its handler can be called, not while the rows are behind its event', async () => {
  const store = createMemoryStore()
  const open: OpenEvent = {
    reaction: 'answer',
    index: 0,
    event: { sequence: 1, type: 'turnRequested', data: { id: 'a', thread: 't' }, at: 0, commandId: 'one' },
    ...{ lane: '', due: 0, attempts: 0, until: 0, running: '', depth: 1 },
    handler: 'run',
  }
  await store.write({ positions: new Map(), opened: [open], closed: [] })
  const ran: string[] = []
  const definition: AnyDefinition = {
    on: ['turnRequested'],
    from: 'now',
    run: async ({ event }) => {
      const [{ running } = { running: '' }] = (await store.read()).open
      ran.push(`${event.commandId}, noted by ${running}`)
    },
  }
  let rowsAreThere = (_: object): void => {}
  const rows = new Promise<object>((resolve) => {
    rowsAreThere = resolve
  })
  const place: HolderPlace = {
    model: chatApp() as unknown as AnyModel,
    ...{ lineage: '', floor: 0, base: 0, store, drafts: {}, pages: [], signal: new AbortController().signal },
    stay() {},
    dispatch: () => Promise.reject(new Error('It dispatches nothing.')),
    readAt: () => rows,
    async *readAfter() {},
    listen: () => () => {},
    tell() {},
  }
  const active: ActiveReaction = {
    ...{ name: 'answer', definition, busy: new Map(), died: [], scanned: 1, noted: 1 },
    open: new Map([[reactionKeyOf(open), open]]),
  }
  const over = new Promise<void>((resolve) => {
    createAttempts(place, 'this holder', place.signal, { over: resolve, failed: () => resolve() })(active, open)
  })
  await later(20)
  // If its worker died now, the next holder would call run.
  expect((await store.read()).open.map(({ running }) => running)).toEqual([''])
  rowsAreThere({})
  await over
  expect(ran).toEqual(['one, noted by this holder'])
  expect((await store.read()).open).toEqual([])
})

test('reactions rule 6: a holder whose lock is stolen while it reads the log starts no further attempt', async () => {
  const ended = new AbortController()
  const ran: string[] = []
  const definition: AnyDefinition = {
    on: ['turnRequested'],
    from: 'start',
    run: ({ event, signal }) => void ran.push(`${event.commandId}, aborted: ${signal.aborted}`),
  }
  const place: HolderPlace = {
    model: chatApp() as unknown as AnyModel,
    ...{ lineage: '', floor: 0, base: 0, store: createMemoryStore(), drafts: {}, pages: [], signal: ended.signal },
    stay() {},
    dispatch: () => Promise.reject(new Error('It dispatches nothing.')),
    readAt: async () => ({}),
    async *readAfter() {
      const events = [{ type: 'turnRequested', data: { id: 'a', thread: 't' } }]
      yield [{ id: 'c', first: 1, last: 1, body: JSON.stringify([{ id: 'one', at: 0, events }]) }]
      ended.abort(new Error('The lock was stolen.'))
    },
    listen: () => () => {},
    tell() {},
  }
  await expect(holdReactions(place, [['answer', definition]], 0)).rejects.toThrow('stolen')
  await later(20)
  expect(ran).toEqual([])
})
