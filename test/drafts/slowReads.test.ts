import { expect, test } from 'vitest'
import { draftsInMemory } from '../../src/drafts/disk.ts'
import { followDraft } from '../../src/drafts/followed.ts'
import type { DraftHint } from '../../src/log/channel.ts'

/** A tab that follows a draft, with a store that answers when the test says so. */
function slowTab() {
  const memory = draftsInMemory()
  const waiting: (() => void)[] = []
  let reads = 0
  const store: typeof memory = {
    ...memory,
    async read(...given) {
      reads++
      const found = await memory.read(...given)
      await new Promise<void>((resolve) => waiting.push(resolve))
      if (tab.fail) throw new Error('the disk is gone')
      return found
    },
  }
  const followed = followDraft({ name: 'slow', ended: new AbortController().signal }, 'reply', 'r', () => store)
  const tab = {
    /** Whether reads fail. */
    fail: false,
    memory,
    text: () => followed.get()?.text,
    reads: () => reads,
    hear: (hint: Pick<DraftHint, 'epoch' | 'stored'> & Partial<DraftHint>) =>
      followed.hear({ name: 'reply', id: 'r', ...hint }),
    async answer() {
      await new Promise((resolve) => setTimeout(resolve))
      for (const resolve of waiting.splice(0)) resolve()
      await new Promise((resolve) => setTimeout(resolve))
    },
  }
  return tab
}
type SlowTab = ReturnType<typeof slowTab>

async function begin({ memory }: SlowTab, epoch: string, text: string): Promise<void> {
  const header = {}
  await memory.write([{ name: 'reply', id: 'r', epoch, begins: { header }, offset: 0, text }])
}

test('a draft is shown after one read, however many hints arrive during it', async () => {
  const tab = slowTab()
  expect(tab.text()).toBe(undefined)
  await tab.answer()
  await begin(tab, 'e1', 'a')
  for (let i = 0; i < 20; i++) tab.hear({ epoch: 'e1', stored: 1, offset: i, text: 'a' })
  expect(tab.reads()).toBe(2)
  await tab.answer()
  expect(tab.text()).toBe('a'.repeat(20))
  expect(tab.reads()).toBe(2)
})

test('an attempt that begins during a read is shown after one read more', async () => {
  const tab = slowTab()
  await begin(tab, 'e1', 'old')
  expect(tab.text()).toBe(undefined)
  // The read has begun: it finds the old attempt.
  await Promise.resolve()
  await begin(tab, 'e2', 'n')
  for (const [offset, text] of [...'new'].entries()) tab.hear({ epoch: 'e2', stored: 1, offset, text })
  await tab.answer()
  await tab.answer()
  expect(tab.text()).toBe('new')
  expect(tab.reads()).toBe(2)
})

test('an attempt that goes on writing though another one has taken its place costs one read', async () => {
  const tab = slowTab()
  await begin(tab, 'e2', 'new')
  expect(tab.text()).toBe(undefined)
  await tab.answer()
  for (let i = 0; i < 20; i++) {
    tab.hear({ epoch: 'e1', stored: 3, offset: 3 + i, text: 'x' })
    if (i % 5 === 0) await tab.answer()
  }
  expect(tab.text()).toBe('new')
  expect(tab.reads()).toBe(2)
})

test('a draft that can not be read is read once a second, however many hints arrive', async () => {
  const tab = slowTab()
  tab.fail = true
  for (let i = 0; i < 20; i++) {
    tab.hear({ epoch: 'e1', stored: 1, offset: i, text: 'a' })
    await tab.answer()
  }
  expect(tab.reads()).toBe(1)
})
