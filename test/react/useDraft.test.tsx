// @vitest-environment jsdom
import 'fake-indexeddb/auto'
import { act } from 'react'
import { createRoot } from 'react-dom/client'
import { renderToString } from 'react-dom/server'
import { useDraft } from 'tidemark/react'
import { openTestEngine } from 'tidemark/testing'
import { expect, test, vi } from 'vitest'
import { chat } from '../drafts/kit.ts'

test('a component of React shows a growing draft, and another draft in the render that asks for it', async () => {
  vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true)
  const engine = await openTestEngine(chat())
  const page = document.createElement('div')
  const root = createRoot(page)
  let renders = 0
  const Reply = ({ id }: { id: string }) => {
    renders++
    const reply = useDraft(engine.drafts.reply, id)
    return reply ? `${reply.threadId} ${reply.text} ${reply.state}` : 'none'
  }
  await act(() => root.render(<Reply id="a" />))
  expect(page.textContent).toBe('none')
  const writer = await act(() => engine.drafts.reply.begin('a', { threadId: 't' }))
  await act(() => writer.append('Hello'))
  await vi.waitFor(async () => {
    await act(() => new Promise((resolve) => setTimeout(resolve, 10)))
    expect(page.textContent).toBe('t Hello live')
  })
  const before = renders
  await act(() => engine.dispatch.add({ id: 'm', text: '' }))
  expect(renders).toBe(before)
  await act(() => root.render(<Reply id="b" />))
  expect(page.textContent).toBe('none')
  await act(() => root.render(<Reply id="a" />))
  expect(page.textContent).toBe('t Hello live')
  await act(() => writer.end((text) => engine.dispatch.add({ id: 'a', text })))
  expect(page.textContent).toBe('none')
  expect(renderToString(<Reply id="a" />)).toBe('none')
  await act(() => root.unmount())
  await engine.close()
  vi.unstubAllGlobals()
})
