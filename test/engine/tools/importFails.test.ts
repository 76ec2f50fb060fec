import { exportLog, importLog } from 'tidemark/tools'
import { beforeAll, expect, test } from 'vitest'
import { broken, tab } from '../kit.ts'
import { collect, freshName, outcome, shown } from '../todos.ts'
import { blobOf, bytesOf, written } from './files.ts'

let file: Uint8Array<ArrayBuffer>
let original: { shown: object; events: readonly unknown[] }
beforeAll(async () => {
  const one = await written()
  file = await bytesOf(exportLog(one))
  original = { shown: shown(one), events: await collect(one.history()) }
})

test('an import that was shown resolves, though the log can not be read for a moment afterwards', async () => {
  const one = await tab(freshName())
  const faults = broken()
  let isShown = false
  let refused = 0
  faults.onTransaction = (transaction, stores, mode) => {
    if (mode === 'readwrite' && stores.includes('segments'))
      transaction.addEventListener('complete', () => (isShown = true))
    else if (isShown && mode === 'readonly' && stores.join() === 'meta' && refused < 2) {
      refused++
      transaction.abort()
    }
  }
  const { sequence } = await importLog(one, blobOf(file))
  expect([sequence, refused]).toEqual([original.events.length, 2])
  expect(shown(one)).toEqual(original.shown)
  await one.dispatch.add({ title: 'more' })
})

test('an import into memory is there as a whole, or a command was faster and nothing of it is', async () => {
  const outcomes = new Set<boolean>()
  for (let turns = 0; turns < 60; turns += 2) {
    const one = await tab(freshName(), {}, { storage: 'memory' })
    let sent: Promise<unknown> | undefined
    const imported = outcome(
      importLog(one, blobOf(file), {
        async onProgress({ done, total }) {
          if (done < total) return
          for (let turn = 0; turn < turns; turn++) await undefined
          sent = one.dispatch.add({ id: 'mine', title: 'mine' })
        },
      }),
    )
    const result = await imported
    await sent
    outcomes.add(result instanceof Error)
    const events = await collect(one.history())
    if (result instanceof Error) {
      expect(result).toMatchObject({ name: 'ImportError' })
      expect(events).toHaveLength(1)
    } else expect(events.slice(0, original.events.length)).toEqual(original.events)
    await one.close()
  }
  expect(outcomes).toEqual(new Set([true, false]))
})

test('an import into memory is rejected if its engine ends before it shows the events', async () => {
  const one = await tab(freshName(), {}, { storage: 'memory' })
  const imported = outcome(importLog(one, blobOf(file)))
  await one.close()
  expect(await imported).toMatchObject({ name: 'EngineClosed' })
})

test('an export of a log in memory ends at the head of the call', async () => {
  const one = await tab(freshName(), {}, { storage: 'memory' })
  for (let i = 0; i < 3; i++) await one.dispatch.add({ title: `${i}` })
  const stream = exportLog(one)
  await one.dispatch.add({ title: 'later' })
  const other = await tab(freshName())
  expect(await importLog(other, blobOf(await bytesOf(stream)))).toEqual({ sequence: 3 })
})
