// @vitest-environment jsdom
import { type Engine, openEngine } from 'tidemark'
import { mountDevtools } from 'tidemark/devtools'
import { afterEach, beforeAll, expect, test, vi } from 'vitest'
import type { DevtoolsElement } from '../../src/devtools/element.ts'
import { deadLetters } from '../../src/engine/tools/deadLetters.ts'
import { atEnd, tab } from '../engine/kit.ts'
import { freshName, newerApp, openTab, outcome } from '../engine/todos.ts'
import { inDatabase } from '../log/storage.ts'
import { chatTab, runner } from '../reactions/kit.ts'

beforeAll(() => {
  // jsdom has no layout. Lists are given the height of ten rows.
  Object.assign(globalThis, {
    ResizeObserver: class {
      readonly disconnect = (): void => {}
      readonly observe: () => void
      constructor(resized: () => void) {
        this.observe = () => queueMicrotask(resized)
      }
    },
  })
  Object.defineProperty(HTMLElement.prototype, 'clientHeight', { get: () => 240 })
  HTMLElement.prototype.scrollIntoView = () => {}
})
afterEach(() => {
  vi.restoreAllMocks()
  document.body.replaceChildren()
})

/** The visible text, also inside shadow roots. */
function shownText(node: Node): string {
  if (node instanceof Text) return node.data
  if (!(node instanceof Element || node instanceof ShadowRoot)) return ''
  if (node instanceof Element && (node.localName === 'style' || node.hasAttribute('hidden'))) return ''
  const parts = [...((node instanceof Element && node.shadowRoot) || node).childNodes].map(shownText)
  return parts.join(' ').replace(/\s+/g, ' ').trim()
}

/** Opens the panel on an engine, as a person uses it. */
async function openPanel(engine: Engine<any, any, any, any>) {
  await mountDevtools(engine, { open: true })
  const element = document.body.lastElementChild as DevtoolsElement
  await element.updateComplete
  const root = element.shadowRoot!
  const page = (): Element => root.querySelector('[role=tabpanel]:not([hidden])')!
  const everyButton = (within: ParentNode): HTMLElement[] =>
    [...within.querySelectorAll('*')].flatMap((one) => [
      ...(one.matches('button, .row') ? [one as HTMLElement] : []),
      ...(one.shadowRoot ? everyButton(one.shadowRoot) : []),
    ])
  const nameOf = (one: Element): string => one.getAttribute('aria-label') ?? shownText(one)
  const buttons = (): HTMLElement[] => everyButton(page().shadowRoot ?? page())
  const panel = {
    footer: () => shownText(root.querySelector('footer')!),
    text: () => shownText(page()),
    /** The elements of the shown tab that match, also inside shadow roots. */
    find: (selector: string): HTMLElement[] => {
      const within = (root: ParentNode): HTMLElement[] => [
        ...root.querySelectorAll<HTMLElement>(selector),
        ...[...root.querySelectorAll('*')].flatMap(({ shadowRoot }) => (shadowRoot ? within(shadowRoot) : [])),
      ]
      return within(page().shadowRoot ?? page())
    },
    /** Types into a field, or moves a slider. */
    enter(label: string, value: string, event: string) {
      const field = panel.find(`input[aria-label="${label}"]`)[0] as HTMLInputElement
      field.value = value
      field.dispatchEvent(new Event(event))
    },
    has: (name: string) => buttons().some((one) => nameOf(one) === name),
    /** Waits until the shown tab has this text. */
    shows: (text: string | RegExp) => expect.poll(panel.text).toMatch(text),
    async open(name: string) {
      const tabs = [...root.querySelectorAll<HTMLElement>('[role=tab]')]
      tabs.find((one) => shownText(one) === name)!.click()
      await expect.poll(() => page()?.shadowRoot).toBeTruthy()
    },
    /** Presses a button, or a row of a list, whose text begins with `name`. */
    async press(name: string) {
      const isMeant = (one: Element): boolean =>
        one.matches('.row') ? shownText(one).startsWith(name) : nameOf(one) === name
      await expect.poll(() => buttons().some(isMeant)).toBe(true)
      buttons().find(isMeant)!.click()
    },
    tabs: () => [...root.querySelectorAll('[role=tab]')].map((one) => shownText(one)),
  }
  return panel
}

/** Ends an event's record too early, as a disk may. */
const damage = (name: string, first: number, last: number) =>
  inDatabase(name, (store) => void store('commits').put({ first, last } as never, first))

/** Copies a commit to another place in the log. */
const copyCommit = (name: string, from: number, to: number) =>
  inDatabase(name, async (store) => {
    const found = store('commits').get(from)
    await new Promise((resolve) => {
      found.onsuccess = resolve
    })
    store('commits').put({ ...found.result, id: 'copied', first: to, last: to }, to)
  })

/** An engine that failed at event 3, after events 1 and 2. Event 5 can be read. */
async function failedTab() {
  const name = freshName()
  const one = await tab(name)
  await one.dispatch.add({ id: 'a', title: 'Apple' })
  await one.dispatch.toggle({ id: 'a' })
  await one.projected()
  await damage(name, 3, 4)
  await copyCommit(name, 1, 5)
  await outcome(one.dispatch.add({ title: 'refused' }))
  await expect.poll(() => one.status.state).toBe('failed')
  return one
}

test('an engine that failed: shows the log around the damage, and the effects of the events before it', async () => {
  const panel = await openPanel(await failedTab())
  expect(panel.footer()).toContain('The log is damaged')
  await panel.shows(/5 todoAdded.*4 CorruptLog.*3 CorruptLog.*2 todoToggled.*1 todoAdded/)
  await panel.press('5')
  await panel.shows('This tab has applied the log up to event 2')
  expect(panel.has('What it changed')).toBe(false)
  await panel.press('3')
  await panel.shows('Events 3 to 4 share this.')
  await panel.press('2')
  await panel.press('What it changed')
  await panel.shows('done : false → true')
})

test('an engine that failed: shows rows with their events, the past, and the persisted rows', async () => {
  const panel = await openPanel(await failedTab())
  await panel.open('Rows')
  await panel.press('a')
  await panel.shows(/todoToggled 2.*todoAdded 1/)
  await panel.open('Time machine')
  await panel.press('Event before')
  await panel.shows(/todoAdded 1 .*added/)
  await panel.press('Event after')
  await panel.shows(/todoToggled 2 .*done : false → true/)
  await panel.open('Projections')
  await panel.press('Verify all')
  await panel.shows('What is persisted is what the log says.')
  await panel.press('Rebuild all')
  await panel.shows('CorruptLog')
  await panel.open('Storage')
  await panel.press('Measure')
  await panel.shows(/todoAdded 2 .*todoToggled 1 /)
  await panel.press('Export the log')
  await panel.shows('CorruptLog')
  for (const name of panel.tabs()) await panel.open(name)
  await panel.shows('Errors seen')
  await panel.shows('"state": "failed"')
})

test('a row with a damaged record among its events: shows the events before it, and the error', async () => {
  const name = freshName()
  const one = await tab(name)
  await one.dispatch.add({ id: 'a', title: 'Apple' })
  await one.dispatch.toggle({ id: 'a' })
  await one.dispatch.rename({ id: 'a', title: 'Pear' })
  await damage(name, 2, 2)
  const panel = await openPanel(one)
  await panel.open('Rows')
  await panel.press('a')
  await panel.shows(/CorruptLog.*todoAdded 1/)
  await panel.open('Time machine')
  await panel.press('Event before')
  await panel.shows("The past can't be read.")
  await panel.press('Event before')
  await panel.shows(/todoAdded 1 .*added/)
})

test('an outdated engine: shows the events of the newer build as stored, and its own state', async () => {
  const name = freshName()
  const one = await tab(name)
  await one.dispatch.add({ id: 'a', title: 'Apple' })
  await one.projected()
  const newer = await openEngine(newerApp(), { name })
  await newer.dispatch.star({ id: 'a' })
  await newer.close()
  await expect.poll(() => one.status.state).toBe('outdated')
  const live = await openPanel(one)
  const booted = await openTab(name)
  atEnd(() => booted.close())
  for (const panel of [live, await openPanel(booted)]) {
    expect(panel.footer()).toContain('A newer build has written to this log')
    await panel.shows(/2 todoStarred.*1 todoAdded/)
    await panel.press('2')
    await panel.shows('OutdatedCodeError')
    expect(panel.has('State here')).toBe(false)
    await panel.open('Rows')
    await panel.press('a')
    await panel.shows('todoAdded 1')
    expect(panel.text()).not.toContain('OutdatedCodeError')
    await panel.open('Time machine')
    await panel.press('Event before')
    await panel.shows('Nothing had happened yet.')
    await panel.open('Storage')
    await panel.press('Measure')
    await panel.shows(/todoStarred 1 /)
    for (const name of panel.tabs()) await panel.open(name)
    await panel.shows('"state": "outdated"')
  }
})

test('an engine that is behind: each tab that has to read says so, and shows the log once it can be read', async () => {
  const name = freshName()
  vi.stubGlobal('BroadcastChannel', undefined)
  const [one, other] = [await tab(name), await tab(name)]
  await other.dispatch.add({ id: 'a', title: 'Apple' })
  const { transaction } = IDBDatabase.prototype
  const broken = vi.spyOn(IDBDatabase.prototype, 'transaction').mockImplementation(function (
    this: IDBDatabase,
    stores,
    mode,
    options,
  ) {
    if (mode === 'readonly') throw new DOMException('no disk', 'UnknownError')
    return transaction.call(this, stores, mode, options)
  })
  const sent = outcome(one.dispatch.add({ id: 'b', title: 'Bread' }))
  await expect.poll(() => one.status.behind).toBeTruthy()
  const panel = await openPanel(one)
  expect(panel.footer()).toContain("can't read its log")
  for (const name of panel.tabs()) await panel.open(name)
  await panel.open('Storage')
  await panel.press('Measure')
  await panel.shows('StorageError')
  await panel.open('Commands')
  await panel.shows('1 pending')
  broken.mockRestore()
  await sent
  await panel.open('Log')
  await panel.shows(/2 todoAdded.*1 todoAdded/)
  await expect.poll(panel.footer).not.toContain("can't read its log")
})

test('a command that lost a race: shows the number of races, the duration, and why another command was refused', async () => {
  const name = freshName()
  const [one, other] = [await tab(name), await tab(name)]
  const panel = await openPanel(one)
  await panel.open('Commands')
  await Promise.all([other.dispatch.add({ title: 'Bread' }), one.dispatch.add({ title: 'Milk' })])
  await panel.press('add')
  await panel.shows(/outcome 1 event took \d+(\.\d+)? ms races lost 1 /)
  await outcome(one.dispatch.addUnlessUsed({ id: 'again', title: 'Milk' }))
  await panel.shows('2 commands of this tab since the panel was mounted, 0 pending, 1 rejected')
  await panel.press('addUnlessUsed')
  await panel.shows(/outcome rejected: used .*Rejection .*code : "used"/)
})

test('reactions of an engine that failed: lists their dead letters, and can retry them', async () => {
  const name = freshName()
  const engine = await chatTab(name)
  const { close } = await runner(name, {
    answer: {
      from: 'start',
      retry: { tries: 1 },
      run() {
        throw new RangeError('no provider')
      },
    },
  })
  await engine.dispatch.requestTurn({ id: 'a' })
  await expect.poll(async () => (await deadLetters(engine)).length).toBe(1)
  await close()
  const next = engine.status.sequence + 1
  await damage(name, next, next)
  await outcome(engine.dispatch.requestTurn({ id: 'b' }))
  await expect.poll(() => engine.status.state).toBe('failed')
  const panel = await openPanel(engine)
  await panel.open('Reactions')
  await panel.shows('RangeError: no provider')
  await panel.press('Retry turnRequested 1')
  await expect.poll(panel.footer).toContain('turnRequested 1 is tried again.')
  await panel.shows('attempt 1 is next in its lane')
})

test('a closed engine: shows its rows, and says that the rest needs an open engine', async () => {
  const one = await tab(freshName())
  await one.dispatch.add({ id: 'a', title: 'Apple' })
  await one.close()
  const panel = await openPanel(one)
  expect(panel.footer()).toContain('This engine is closed.')
  await panel.open('Rows')
  await panel.shows('Apple')
  await panel.open('Storage')
  await panel.press('Measure')
  await panel.shows('EngineClosed')
  for (const name of panel.tabs()) await panel.open(name)
  await panel.shows('This engine is closed.')
})

test('the log shows where commits begin, filters, and copies an event with its payload', async () => {
  const one = await tab(freshName())
  await one.dispatch.addMany({ ids: ['a', 'b'] })
  await one.dispatch.toggle({ id: 'a' })
  await one.dispatch.rename({ id: 'b', title: 'Bread' })
  let copied = ''
  const writeText = async (text: string): Promise<void> => {
    copied = text
  }
  Object.defineProperty(navigator, 'clipboard', { value: { writeText }, configurable: true })
  const panel = await openPanel(one)
  await panel.shows(/4 todoRenamed.*3 todoToggled.*2 todoAdded.*1 todoAdded/)
  expect(panel.find('.row').map((row) => row.matches('.border'))).toEqual([false, true, true, false])
  for (const [filter, found] of [
    ['type:todoToggled', '1 found'],
    ['row:todos/b', '2 found'],
    ['bread', '1 found'],
  ] as const) {
    panel.enter('Filter the log', filter, 'change')
    await panel.shows(found)
  }
  await panel.press('4')
  await panel.shows(/Payload .*title : "Bread"/)
  await panel.press('Copy as JSON')
  await expect.poll(() => copied).toContain('"type": "todoRenamed"')
  const { sequence, data, commandId } = JSON.parse(copied)
  expect([sequence, data]).toEqual([4, { id: 'b', title: 'Bread' }])
  panel.enter('Filter the log', '', 'change')
  await panel.shows('4 events')
  await panel.press('2')
  await expect.poll(() => panel.has(commandId)).toBe(false)
  panel.enter('Filter the log', `command:${commandId}`, 'change')
  await panel.shows('1 found')
})

test('rows are searched, the slider shows the state at any point, and the storage can be made persistent', async () => {
  const one = await tab(freshName())
  await one.dispatch.add({ id: 'a', title: 'Apple' })
  await one.dispatch.add({ id: 'b', title: 'Bread' })
  const panel = await openPanel(one)
  await panel.open('Rows')
  await panel.shows('2 rows')
  panel.enter('Search the rows', 'bre', 'change')
  await panel.shows('1 row ')
  expect(panel.text()).not.toContain('Apple')
  await panel.open('Time machine')
  panel.enter('Point in the log', '1', 'input')
  await panel.shows(/todoAdded 1 .*1 row/)
  panel.enter('Sequence of the event', '2', 'change')
  await panel.shows(/todoAdded 2 .*2 rows/)
  await panel.open('Storage')
  await panel.shows('segments none yet')
  const storage = {
    persist: async () => true,
    persisted: async () => true,
    estimate: async () => ({ usage: 10, quota: 1000 }),
  }
  Object.defineProperty(navigator, 'storage', { value: storage, configurable: true })
  await panel.press('Ask to persist')
  await panel.shows('This site persistent')
  Reflect.deleteProperty(navigator, 'storage')
})

test('1,000 dispatches: an update of the open panel renders once; a hidden page or a closed panel does not render', async () => {
  const one = await tab(freshName())
  await one.dispatch.add({ id: 'a', title: 'Apple' })
  const panel = await openPanel(one)
  await panel.open('Rows')
  await panel.shows('Apple')
  await panel.open('Log')
  await panel.shows('1 todoAdded')
  const element = document.querySelector('tidemark-devtools') as DevtoolsElement
  const counts = { updates: 0, panel: 0, log: 0, list: 0, rows: 0 }
  const count = (name: keyof typeof counts, tag: string, method: string): void => {
    const { prototype } = customElements.get(tag)!
    const before = prototype[method]
    vi.spyOn(prototype, method).mockImplementation(function (this: unknown, ...given: unknown[]) {
      counts[name]++
      return before.apply(this, given)
    })
  }
  count('updates', 'tidemark-log', 'refresh')
  count('panel', 'tidemark-devtools', 'render')
  count('log', 'tidemark-log', 'render')
  count('list', 'tidemark-list', 'render')
  count('rows', 'tidemark-rows', 'render')
  const dispatchAll = async (): Promise<void> => {
    for (let i = 0; i < 50; i++)
      await Promise.all(Array.from({ length: 20 }, (_, k) => one.dispatch.rename({ id: 'a', title: `${i} ${k}` })))
  }
  await dispatchAll()
  await panel.shows(/1,001 events.* 1001 todoRenamed/)
  // The number of updates depends on the pace of the panel.
  expect(counts.updates).toBeGreaterThan(0)
  expect(counts.updates).toBeLessThan(50)
  expect(counts.panel).toBeLessThanOrEqual(counts.updates)
  expect(counts.log).toBeLessThanOrEqual(counts.updates)
  expect(counts.list).toBeLessThanOrEqual(counts.updates)
  expect(counts.rows).toBe(0)
  element.open = false
  await element.updateComplete
  Object.assign(counts, { updates: 0, panel: 0, log: 0, list: 0 })
  await dispatchAll()
  expect(counts).toEqual({ updates: 0, panel: 0, log: 0, list: 0, rows: 0 })
}, 60_000)
