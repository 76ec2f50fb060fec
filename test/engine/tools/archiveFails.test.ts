import { archive } from 'tidemark/tools'
import { beforeEach, expect, test, vi } from 'vitest'
import { loseAnswer } from '../../log/storage.ts'
import { broken, tab } from '../kit.ts'
import { freshName, outcome, shown } from '../todos.ts'
import { bytesOf, written } from './files.ts'
import { createLocks } from './locks.ts'

beforeEach(() => void vi.stubGlobal('navigator', { locks: createLocks() }))

test('an archive whose engine ends before it began is rejected: it does not give an empty file', async () => {
  const name = freshName()
  await (await written(name, 20, [8])).close()
  // Everything is persisted, and the engine has no lock to step aside from yet.
  const one = await tab(name)
  const archived = outcome(archive(one, { before: 15 }))
  await one.close()
  expect(await archived).toMatchObject({ name: 'EngineClosed', reason: 'closed' })
})

test('an archive is rejected if `before` is no sequence and no date', async () => {
  const one = await written(freshName(), 20, [8])
  for (const before of [Number.NaN, new Date(Number.NaN), undefined as never])
    expect(await outcome(archive(one, { before }))).toBeInstanceOf(RangeError)
  expect((await bytesOf(await archive(one, { before: 15 }))).length).toBeGreaterThan(500)
})

test('an archive that is aborted while it waits ends with the reason, and leaves the log as it was', async () => {
  const name = freshName()
  await (await written(name, 20, [8])).close()
  const one = await tab(name)
  const reason = new Error('enough')
  const ending = new AbortController()
  const archived = outcome(archive(one, { before: 15, signal: ending.signal }))
  ending.abort(reason)
  expect(await archived).toBe(reason)
  const before = shown(one)
  expect((await bytesOf(await archive(one, { before: 15 }))).length).toBeGreaterThan(500)
  expect(shown(one)).toEqual(before)
})

test("an archive whose outcome can't be read rejects with 'unknown', and the next one gives the file", async () => {
  const name = freshName()
  const one = await written(name, 20, [8])
  const before = shown(one)
  const faults = broken()
  let isLost = false
  faults.onTransaction = (transaction, stores, mode) => {
    if (mode === 'readwrite' && stores.includes('bases')) {
      isLost = true
      loseAnswer(transaction)
    } else if (isLost) transaction.abort()
  }
  expect(await outcome(archive(one, { before: 15 }))).toMatchObject({ name: 'StorageError', kind: 'unknown' })
  faults.stop()
  await one.close()
  const again = await tab(name)
  expect(shown(again)).toEqual(before)
  expect((await bytesOf(await archive(again, { before: 15 }))).length).toBeGreaterThan(500)
})
