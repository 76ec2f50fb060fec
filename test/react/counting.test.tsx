// @vitest-environment jsdom
import 'fake-indexeddb/auto'
import { act } from 'react'
import { createRoot } from 'react-dom/client'
import { useRead } from 'tidemark/react'
import { openTestEngine } from 'tidemark/testing'
import { expect, test, vi } from 'vitest'
import { todoApp } from './app.ts'

test('with 500 rows, 10 components that filter, and 2,000 dispatches in one tick, each selector runs at most ten times until all are durable', {
  timeout: 60_000,
}, async () => {
  vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true)
  const engine = await openTestEngine(todoApp)
  await engine.dispatch.fill({ rows: 500 })
  const runs = Array.from({ length: 10 }, () => 0)
  const List = ({ n }: { n: number }) => {
    const todos = useRead(engine, (read) => {
      runs[n]!++
      return read.todos.all().filter((todo) => todo.list === n && !todo.done)
    })
    return <li>{todos.map((todo) => todo.title).join()}</li>
  }
  const page = document.body.appendChild(document.createElement('ul'))
  const root = createRoot(page)
  await act(() => root.render([0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((n) => <List key={n} n={n} />)))
  expect(runs).toEqual(runs.map(() => 1))
  runs.fill(0)

  await act(async () => {
    const all = Array.from({ length: 2000 }, (_, i) =>
      i % 2
        ? engine.dispatch.toggle({ id: `${i % 500}` })
        : engine.dispatch.rename({ id: `${i % 500}`, title: `t${i}` }),
    )
    await Promise.all(all)
  })
  expect(engine.status.pending).toBe(0)
  expect(engine.status.sequence).toBe(2500)
  expect(Math.max(...runs), String(runs)).toBeLessThanOrEqual(10)
  for (const [n, list] of [...page.children].entries()) {
    expect(list.textContent).toBe(
      engine.read.todos
        .all()
        .filter((todo) => todo.list === n && !todo.done)
        .map(({ title }) => title)
        .join(),
    )
  }
  await act(() => root.unmount())
  await engine.close()
})

test('after a change of one row, a stable selector runs once, and an inline selector runs once for each render', async () => {
  vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true)
  const engine = await openTestEngine(todoApp)
  await engine.dispatch.fill({ rows: 2 })
  const runs = new Map<object, number>()
  type Read = typeof engine.read
  const counted = (name: string, id: string) => {
    const key = { name }
    return (read: Read) => {
      runs.set(key, (runs.get(key) ?? 0) + 1)
      return read.todos.get(id)
    }
  }
  const runsOf = (name: string): number[] => [...runs].filter(([key]) => (key as any).name === name).map(([, n]) => n)
  const kept = counted('kept', '1')
  const Kept = () => <li>{useRead(engine, kept)?.title}</li>
  const Inline = ({ id }: { id: string }) => <li>{useRead(engine, counted(`inline ${id}`, id))?.title}</li>
  const page = document.body.appendChild(document.createElement('ul'))
  const root = createRoot(page)
  await act(() =>
    root.render(
      <>
        <Kept />
        <Inline id="1" />
        <Inline id="0" />
      </>,
    ),
  )
  runs.clear()
  await act(async () => {
    await engine.dispatch.rename({ id: '1', title: 'changed' })
  })
  expect([...page.children].map((item) => item.textContent)).toEqual(['changed', 'changed', expect.any(String)])
  expect(runsOf('kept')).toEqual([1])
  expect(runsOf('inline 1')).toEqual([1, 1])
  expect(runsOf('inline 0')).toEqual([1])
  await act(() => root.unmount())
  await engine.close()
})
