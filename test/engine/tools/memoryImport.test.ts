import { openEngine } from 'tidemark'
import { exportLog, importLog } from 'tidemark/tools'
import { expect, test, vi } from 'vitest'
import { todoApp } from '../todos.ts'

test('an import into memory looks at each command id a few times, however many there are', async () => {
  const one = await openEngine(todoApp(), { storage: 'memory', name: 'from' })
  const count = 2000
  await Promise.all(
    Array.from({ length: count }, (_, i) => one.dispatch.add({ id: `${i}`, title: 't' }, { commandId: `id ${i}` })),
  )
  const file = await new Response(exportLog(one)).blob()
  const other = await openEngine(todoApp(), { storage: 'memory', name: 'to' })
  let looked = 0
  for (const method of ['filter', 'find', 'some'] as const) {
    const before = Array.prototype[method] as (...given: any[]) => any
    vi.spyOn(Array.prototype, method as any).mockImplementation(function (this: any[], ...given: any[]) {
      looked += this.length
      return before.apply(this, given)
    })
  }
  await importLog(other, file)
  vi.restoreAllMocks()
  expect(looked).toBeLessThan(20 * count)
  expect(other.status.sequence).toBe(one.status.sequence)
  expect(await other.dispatch.add({ id: '7', title: 't' }, { commandId: 'id 7' })).toMatchObject({ duplicate: true })
  await Promise.all([one.close(), other.close()])
})
