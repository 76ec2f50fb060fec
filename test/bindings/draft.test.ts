// @vitest-environment jsdom
import 'fake-indexeddb/auto'
import { openTestEngine } from 'tidemark/testing'
import { useDraft } from 'tidemark/vue'
import { expect, test, vi } from 'vitest'
import { createApp, h, nextTick, ref } from 'vue'
import { chat } from '../drafts/kit.ts'

test('a component of Vue shows a growing draft, and another draft when its id changes', async () => {
  const engine = await openTestEngine(chat())
  const page = document.createElement('div')
  const id = ref('a')
  const app = createApp({
    setup() {
      const reply = useDraft(engine.drafts.reply, id)
      return () => h('p', reply.value?.text ?? 'none')
    },
  })
  app.mount(page)
  expect(page.textContent).toBe('none')
  const writer = engine.drafts.reply.begin('a', { threadId: 't' })
  writer.append('Hello')
  await vi.waitFor(() => expect(page.textContent).toBe('Hello'))
  id.value = 'b'
  await nextTick()
  expect(page.textContent).toBe('none')
  id.value = 'a'
  await nextTick()
  expect(page.textContent).toBe('Hello')
  await writer.discard()
  await nextTick()
  expect(page.textContent).toBe('none')
  app.unmount()
  await engine.close()
})
