import { beforeEach, expect, test, vi } from 'vitest'
import type { OpenEvent } from '../../src/log/stores.ts'
import { confirmedAs, createReactionStore, settledBefore } from '../../src/reactions/store.ts'
import { atEnd } from '../engine/kit.ts'
import { freshName } from '../engine/todos.ts'
import { createLocks } from '../engine/tools/locks.ts'
import type { AnyModel } from '../log/rooms.ts'
import { dump } from '../log/storage.ts'
import { createPipeline } from '../projections/rooms.ts'
import { chatApp } from './chat.ts'
import { chatTab } from './kit.ts'

beforeEach(() => {
  vi.stubGlobal('navigator', { locks: createLocks() })
})

/** A requested turn that is open on a device, and the store of a log that devices share. */
async function shared() {
  const name = freshName()
  // The first commit creates the log.
  await (await chatTab(name)).dispatch.note({ text: 'first' })
  const pipeline = await createPipeline(chatApp() as unknown as AnyModel, name)
  atEnd(() => pipeline.close())
  const { database } = pipeline.shop
  const { lineage } = (await dump(name, 'meta')).find(({ key }) => key === 'log')!.value
  const store = createReactionStore(database, lineage, true)
  await store.takeEpoch('this holder')
  const open: OpenEvent = {
    reaction: 'answer',
    index: 0,
    event: { type: 'turnRequested', data: { id: 'a' }, sequence: 1, at: 0, commandId: 'c1' } as never,
    lane: '',
    due: 0,
    handler: 'run',
    attempts: 0,
    until: 0,
    running: '',
    depth: 1,
    local: true,
  }
  await store.write({ positions: new Map(), opened: [open], closed: [], changed: new Map() })
  return {
    store,
    open,
    /** The transaction that appends the command, which is to settle the event. */
    async append() {
      const { stores, write } = store.settledInside(open, 'c2')
      await database.transact([...stores], 'readwrite', (storeOf) => write(storeOf))
    },
    stored: async () =>
      (await dump(name, 'reactions'))
        .filter(({ value }) => 'event' in value || 'awaits' in value)
        .map(({ value }) => value),
  }
}
const change = (open: OpenEvent, by: (was: OpenEvent) => OpenEvent | undefined) => ({
  positions: new Map(),
  opened: [],
  closed: [],
  changed: new Map([[open, by]]),
})

test('a command that settles an event stores a note, which is removed with the event', async () => {
  const { store, open, append, stored } = await shared()
  await append()
  expect(await stored()).toEqual([open, { awaits: 'c2' }])
  await store.write({ positions: new Map(), opened: [], closed: [open], changed: new Map() })
  expect(await stored()).toEqual([])
})

test('the next holder removes the note of a command that arrived after its event was cancelled', async () => {
  const { store, open, append, stored } = await shared()
  await store.write({ positions: new Map(), opened: [], closed: [open], changed: new Map() })
  await append()
  expect((await store.takeEpoch('the next holder')).open).toEqual([])
  expect(await stored()).toEqual([])
})

test('an event that was cancelled here leaves no note of a command when the shared log has it', async () => {
  const { store, open, append, stored } = await shared()
  await append()
  await store.write(change(open, settledBefore))
  await store.write(change(open, confirmedAs({ ...open.event, sequence: 2 })))
  expect(await stored()).toEqual([])
})
