import { type OpenOptions, openEngine } from 'tidemark'
import { reaction } from 'tidemark/reactions'
import { memoryRemote } from 'tidemark/testing'
import { type RowsEngine, rowsModel } from './model.ts'
import { probe } from './probe.ts'

/** A list of rows in one framework: a component for the list, and one for each row, that reads its row by id. */
export interface Driver {
  mount(page: HTMLElement, engine: RowsEngine): Mounted
  /** One row, which is that of its id. */
  mountRow(page: HTMLElement, engine: RowsEngine, id: string): { show(id: string): void; unmount(): void }
  /** A text that is still being written, and the number of characters that a selector of the rows has seen. */
  mountDraft(page: HTMLElement, engine: RowsEngine, id: string): { show(id: string): void; unmount(): void }
  /** The line that `lineOf` makes of the status. */
  mountStatus(page: HTMLElement, engine: RowsEngine): () => void
  /** Resolves when what was told in this tick has to be on the page. By default a few microtasks: no task, no frame. */
  shown?(): Promise<unknown>
}
export interface Mounted {
  swap(engine: RowsEngine): void
  unmount(): void
}

const MICROTASKS = 20
/** Frames in which a status has to show what it says: half a minute, if nothing is slow. */
const STATUS_FRAMES = 1800
const microtasks = async (): Promise<void> => {
  for (let i = 0; i < MICROTASKS; i++) await undefined
}
const frame = (): Promise<unknown> => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)))

let names = 0
async function open(rows: number, label: string) {
  const opened = await openEngine(rowsModel, { name: `rows ${names++}`, storage: 'memory' })
  await opened.dispatch.fill({ rows, label })
  return watched(opened)
}

/** The engine, and how many listeners it and its drafts have. */
function watched(opened: RowsEngine) {
  const listeners = { count: 0 }
  const counting = (end: () => void): (() => void) => {
    listeners.count++
    let isOver = false
    return () => {
      if (!isOver) listeners.count--
      isOver = true
      end()
    }
  }
  const { title } = opened.drafts
  const counted: typeof title = {
    ...title,
    subscribe: (id, listener) => counting(title.subscribe(id, listener)),
  }
  const engine: RowsEngine = Object.create(opened, {
    drafts: { value: { title: counted } },
    subscribe: { value: (listener: () => void) => counting(opened.subscribe(listener)) },
  })
  return { engine, listeners }
}

/** Until the list is shown and nobody subscribes any more: a framework may do that a while after it has painted. */
async function mounted(listeners: { readonly count: number }): Promise<void> {
  for (let last = -1, frames = 0; frames < 3 || !last; ) {
    await frame()
    frames = listeners.count === last ? frames + 1 : 0
    last = listeners.count
  }
}

export function createScenarios({ mount, mountRow, mountDraft, mountStatus, shown = microtasks }: Driver) {
  const page = document.body.appendChild(document.createElement('main'))
  const textOf = (id: string): string | undefined => page.querySelector(`[data-row="${id}"]`)?.textContent?.trim()

  return {
    /** What the page shows before a dispatch, in its tick, and when it is durable. */
    async dispatch() {
      const { engine, listeners } = await open(3, 'row')
      const list = mount(page, engine)
      await mounted(listeners)
      const before = textOf('1')
      const sent = engine.dispatch.rename({ id: '1', title: 'changed' })
      await shown()
      const inTick = textOf('1')
      await sent
      await frame()
      const result = { before, inTick, after: textOf('1'), others: [textOf('0'), textOf('2')] }
      list.unmount()
      return result
    },

    /** 1,000 rows, one changes: how many components render, and how often a selector runs. */
    async rows() {
      const { engine, listeners } = await open(1000, 'row')
      const list = mount(page, engine)
      await mounted(listeners)
      const shownRows = page.querySelectorAll('[data-row]').length
      const elements = [...page.querySelectorAll('[data-row]')]
      probe.reset()
      const sent = engine.dispatch.rename({ id: '500', title: 'changed' })
      await shown()
      const text = textOf('500')
      await sent
      await frame()
      const { renders, runs } = probe
      const most = (names: (name: string) => boolean): number =>
        Math.max(0, ...[...runs].filter(([name]) => names(name)).map(([, times]) => times))
      const result = {
        shownRows,
        text,
        renders,
        runsOfOthers: most((name) => name !== 'row 500'),
        runsOfChanged: runs.get('row 500') ?? 0,
        keptElements: [...page.querySelectorAll('[data-row]')].filter((element, i) => element === elements[i]).length,
      }
      list.unmount()
      return result
    },

    /** Mounts and unmounts again and again: how many listeners the engine has then. */
    async mounts(times: number) {
      const { engine, listeners } = await open(2, 'row')
      let most = 0
      for (let i = 0; i < times; i++) {
        const list = mount(page, engine)
        most = Math.max(most, listeners.count)
        if (i % 10 === 0) {
          await frame()
          most = Math.max(most, listeners.count)
        }
        list.unmount()
        if (i % 10 === 0) await frame()
      }
      await frame()
      return { most, left: listeners.count, elements: page.childElementCount }
    },

    /** Another user's engine takes the place of the first one. */
    async swap() {
      const [one, other] = [await open(2, 'one'), await open(3, 'other')]
      const list = mount(page, one.engine)
      await frame()
      const first = textOf('0')
      list.swap(other.engine)
      await frame()
      const second = textOf('0')
      const rows = page.querySelectorAll('[data-row]').length
      await one.engine.dispatch.rename({ id: '0', title: 'late' })
      await frame()
      const stays = textOf('0')
      await other.engine.dispatch.rename({ id: '0', title: 'changed' })
      await frame()
      const result = { first, second, rows, stays, changed: textOf('0'), listeners: one.listeners.count }
      list.unmount()
      await frame()
      return { ...result, left: other.listeners.count }
    },

    /** A component gets another id: its selector reads that one. */
    async props() {
      const { engine, listeners } = await open(3, 'row')
      const row = mountRow(page, engine, '0')
      await mounted(listeners)
      const seen: (string | undefined)[] = [textOf('0')]
      row.show('2')
      await frame()
      seen.push(textOf('2'))
      await engine.dispatch.rename({ id: '2', title: 'changed' })
      await frame()
      seen.push(textOf('2'))
      // Both at once.
      const sent = engine.dispatch.rename({ id: '1', title: 'changed, too' })
      row.show('1')
      await frame()
      seen.push(textOf('1'))
      await sent
      await engine.dispatch.rename({ id: '2', title: 'seen by nobody' })
      await engine.dispatch.rename({ id: '1', title: 'last' })
      await frame()
      seen.push(textOf('1'))
      row.unmount()
      await frame()
      return { seen, left: listeners.count, elements: page.childElementCount }
    },

    /** A text that is still being written grows, and ends; a component gets another id. */
    async draft() {
      const { engine, listeners } = await open(1, 'row')
      const draft = mountDraft(page, engine, 'a')
      const text = () => page.querySelector('[data-draft]')?.textContent?.trim()
      await mounted(listeners)
      const seen = [text()]
      const writer = engine.drafts.title.begin('a', {})
      engine.drafts.title.begin('b', {}).append('other')
      probe.reset()
      for (const part of ['Hel', 'lo']) {
        writer.append(part)
        for (let i = 0; i < 5; i++) await frame()
        seen.push(text())
      }
      const runs = [...probe.runs.values()].reduce((sum, times) => sum + times, 0)
      draft.show('b')
      for (let i = 0; i < 3; i++) await frame()
      seen.push(text())
      draft.show('a')
      for (let i = 0; i < 3; i++) await frame()
      await writer.end((title) => engine.dispatch.rename({ id: '0', title }))
      for (let i = 0; i < 5; i++) await frame()
      seen.push(text())
      draft.unmount()
      await frame()
      return { seen, runs, left: listeners.count, title: engine.read.rows.get('0')?.title }
    },

    /** What a status says of a remote, and what another one says of a reaction. */
    async status() {
      const device = memoryRemote().device({ offline: true })
      let finish = (): void => {}
      const index = reaction(rowsModel, {
        on: ['rowRenamed'],
        from: 'start',
        run: () => new Promise<void>((resolve) => (finish = resolve)),
      })
      const play = async (
        options: OpenOptions,
        steps: readonly (readonly [(engine: RowsEngine) => unknown, string])[],
      ) => {
        // A remote that lives as long as this page has to find a log that does, too.
        const name = `rows ${crypto.randomUUID()}`
        const { engine, listeners } = watched(await openEngine(rowsModel, { name, ...options }))
        await engine.dispatch.fill({ rows: 1, label: 'row' })
        const unmount = mountStatus(page, engine)
        const line = () => page.querySelector('[data-status]')?.textContent?.trim()
        const seen: (string | undefined)[] = []
        for (const [act, expected] of steps) {
          act(engine)
          for (let i = 0; line() !== expected && i < STATUS_FRAMES; i++) await frame()
          seen.push(line())
        }
        unmount()
        await frame()
        await engine.close()
        return { seen, left: listeners.count, elements: page.childElementCount }
      }
      return {
        remote: await play({ mirror: false, remote: () => device('rows') }, [
          [() => {}, 'sync offline'],
          [() => device.set({ offline: false }), 'sync online'],
        ]),
        reactions: await play({ storage: 'memory', reactions: async () => ({ index }) }, [
          [() => {}, 'index idle 0'],
          [(engine) => engine.dispatch.rename({ id: '0', title: 'changed' }), 'index running 1'],
          [() => finish(), 'index idle 0'],
        ]),
      }
    },

    /** Components go while commands are on their way, also from inside a listener. */
    async unmount() {
      const { engine, listeners } = await open(10, 'row')
      for (let i = 0; i < 20; i++) {
        const list = mount(page, engine)
        if (i % 2) await frame()
        const sent = engine.dispatch.rename({ id: '3', title: `${i}` })
        list.unmount()
        await sent
      }
      const list = mount(page, engine)
      await frame()
      const end = engine.subscribe(() => {
        end()
        list.unmount()
      })
      await engine.dispatch.rename({ id: '3', title: 'last' })
      await frame()
      return { left: listeners.count, elements: page.childElementCount, title: engine.read.rows.get('3')?.title }
    },
  }
}

export type Scenarios = ReturnType<typeof createScenarios>

declare global {
  interface Window {
    scenarios: Scenarios
  }
}
