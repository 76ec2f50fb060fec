// @vitest-environment jsdom
import 'fake-indexeddb/auto'
import { h, render } from 'preact'
import { act } from 'preact/test-utils'
import type { EngineOf } from 'tidemark'
import { useRead } from 'tidemark/preact'
import { openTestEngine } from 'tidemark/testing'
import { expect, test } from 'vitest'
import { todoApp } from '../react/app.ts'

test('after a change of one row, a stable selector runs once, and an inline selector runs once for each render', async () => {
  const engine = await openTestEngine(todoApp)
  await engine.dispatch.fill({ rows: 2 })
  const runs = new Map<{ readonly name: string }, number>()
  const counted = (name: string, id: string) => {
    const key = { name }
    return (read: EngineOf<typeof todoApp>['read']) => {
      runs.set(key, (runs.get(key) ?? 0) + 1)
      return read.todos.get(id)
    }
  }
  const runsOf = (name: string): number[] => [...runs].filter(([key]) => key.name === name).map(([, n]) => n)
  const kept = counted('kept', '1')
  const Kept = () => h('li', null, useRead(engine, kept)?.title)
  const Inline = ({ id }: { id: string }) => h('li', null, useRead(engine, counted(`inline ${id}`, id))?.title)
  const page = document.body.appendChild(document.createElement('ul'))
  await act(() => render([h(Kept, {}), h(Inline, { id: '1' }), h(Inline, { id: '0' })], page))
  runs.clear()
  await act(async () => {
    await engine.dispatch.rename({ id: '1', title: 'changed' })
  })
  expect([...page.children].map((item) => item.textContent)).toEqual(['changed', 'changed', 'title 0'])
  expect(runsOf('kept')).toEqual([1])
  expect(runsOf('inline 1')).toEqual([1, 1])
  expect(runsOf('inline 0')).toEqual([1])
  await act(() => render(null, page))
  await engine.close()
})
