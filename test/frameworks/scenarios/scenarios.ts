import { type OpenOptions, openEngine } from 'tidemark'
import { reaction } from 'tidemark/reactions'
import { memoryRemote } from 'tidemark/testing'
import { type RowsEngine, rowsModel } from './model.ts'
import { probe } from './probe.ts'
import { frame, mounted, still, until } from './wait.ts'

/** The components of one framework: a list, and one component per row, which reads its row by id. */
export interface Driver {
  mount(page: HTMLElement, engine: RowsEngine): Mounted
  /** Mounts the row with this id. */
  mountRow(page: HTMLElement, engine: RowsEngine, id: string): { show(id: string): void; unmount(): void }
  /** Mounts the text of a draft. The component also runs a selector on the rows. */
  mountDraft(page: HTMLElement, engine: RowsEngine, id: string): { show(id: string): void; unmount(): void }
  /** Mounts the line that `lineOf` makes of the status. Returns the function that unmounts it. */
  mountStatus(page: HTMLElement, engine: RowsEngine): () => void
  /** Resolves when changes of this tick must be on the page. The default is a few microtasks, without a task or a frame. */
  shown?(): Promise<unknown>
}
export interface Mounted {
  swap(engine: RowsEngine): void
  unmount(): void
}

/** How many components are mounted and unmounted between two frames. */
const MOUNTS_PER_FRAME = 50
const MICROTASKS = 20
const microtasks = async (): Promise<void> => {
  for (let i = 0; i < MICROTASKS; i++) await undefined
}

let names = 0
async function open(rows: number, label: string) {
  const opened = await openEngine(rowsModel, { name: `rows ${names++}`, storage: 'memory' })
  await opened.dispatch.fill({ rows, label })
  return watched(opened)
}

/** Wraps an engine so that the listeners of the engine and of its drafts are counted. */
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

export function createScenarios({ mount, mountRow, mountDraft, mountStatus, shown = microtasks }: Driver) {
  const page = document.body.appendChild(document.createElement('main'))
  const textOf = (id: string): string | undefined => page.querySelector(`[data-row="${id}"]`)?.textContent?.trim()
  const rowsShown = (): number => page.querySelectorAll('[data-row]').length
  const elementsLeft = (): number => page.childElementCount

  return {
    /** Reads the text of the page before a dispatch, in its tick, and after it is durable. */
    async dispatch() {
      const { engine, listeners } = await open(3, 'row')
      const list = mount(page, engine)
      await mounted(listeners)
      const before = textOf('1')
      const sent = engine.dispatch.rename({ id: '1', title: 'changed' })
      await shown()
      const inTick = textOf('1')
      await sent
      const result = { before, inTick, after: await still(() => textOf('1')), others: [textOf('0'), textOf('2')] }
      list.unmount()
      return result
    },

    /** Changes one of 1,000 rows. Counts the components that render, and the runs of each selector. */
    async rows() {
      const { engine, listeners } = await open(1000, 'row')
      const list = mount(page, engine)
      await mounted(listeners)
      const shownRows = await until(rowsShown, 1000)
      const elements = [...page.querySelectorAll('[data-row]')]
      probe.reset()
      const sent = engine.dispatch.rename({ id: '500', title: 'changed' })
      const text = await until(() => textOf('500'), 'changed')
      await sent
      const { renders, runs } = await still(() => probe)
      const most = (matches: (name: string) => boolean): number =>
        Math.max(0, ...[...runs].filter(([name]) => matches(name)).map(([, times]) => times))
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

    /** Mounts and unmounts a list many times. Counts the listeners and elements that are left. */
    async mounts(times: number) {
      const { engine, listeners } = await open(2, 'row')
      let most = 0
      for (let i = 0; i < times; i++) {
        const list = mount(page, engine)
        if (i % MOUNTS_PER_FRAME === 0) await until(() => listeners.count > 0, true)
        most = Math.max(most, listeners.count)
        list.unmount()
        if (i % MOUNTS_PER_FRAME === 0) await frame()
      }
      return { most, listenersLeft: await until(() => listeners.count, 0), elements: await until(elementsLeft, 0) }
    },

    /** Replaces the engine of a list with the engine of another user. */
    async swap() {
      const [one, other] = [await open(2, 'one'), await open(3, 'other')]
      const list = mount(page, one.engine)
      const first = await until(() => textOf('0'), 'one 0')
      list.swap(other.engine)
      const second = await until(() => textOf('0'), 'other 0')
      const rows = await until(rowsShown, 3)
      await one.engine.dispatch.rename({ id: '0', title: 'late' })
      const stays = await still(() => textOf('0'))
      await other.engine.dispatch.rename({ id: '0', title: 'changed' })
      const changed = await until(() => textOf('0'), 'changed')
      const ofFirst = await until(() => one.listeners.count, 0)
      list.unmount()
      const listenersLeft = await until(() => other.listeners.count, 0)
      return { first, second, rows, stays, changed, listeners: ofFirst, listenersLeft }
    },

    /** Gives a component other ids, which its selector reads. */
    async props() {
      const { engine, listeners } = await open(3, 'row')
      const row = mountRow(page, engine, '0')
      await mounted(listeners)
      const seen: (string | undefined)[] = []
      const see = async (id: string, text: string) => seen.push(await until(() => textOf(id), text))
      await see('0', 'row 0')
      row.show('2')
      await see('2', 'row 2')
      await engine.dispatch.rename({ id: '2', title: 'changed' })
      await see('2', 'changed')
      // The row changes in the same tick in which the component gets its id.
      const sent = engine.dispatch.rename({ id: '1', title: 'changed, too' })
      row.show('1')
      await see('1', 'changed, too')
      await sent
      await engine.dispatch.rename({ id: '2', title: 'seen by nobody' })
      await engine.dispatch.rename({ id: '1', title: 'last' })
      await see('1', 'last')
      row.unmount()
      return { seen, listenersLeft: await until(() => listeners.count, 0), elements: await until(elementsLeft, 0) }
    },

    /** Shows a draft that grows and ends. In between, the component gets the id of another draft. */
    async draft() {
      const { engine, listeners } = await open(1, 'row')
      const draft = mountDraft(page, engine, 'a')
      const seen: (string | undefined)[] = []
      const see = async (text: string) =>
        seen.push(await until(() => page.querySelector('[data-draft]')?.textContent?.trim(), text))
      await mounted(listeners)
      await see('none')
      const writer = engine.drafts.title.begin('a', {})
      engine.drafts.title.begin('b', {}).append('other')
      probe.reset()
      writer.append('Hel')
      await see('Hel')
      writer.append('lo')
      await see('Hello')
      const runs = await still(() => [...probe.runs.values()].reduce((sum, times) => sum + times, 0))
      draft.show('b')
      await see('other')
      draft.show('a')
      await see('Hello')
      await writer.end((title) => engine.dispatch.rename({ id: '0', title }))
      await see('none')
      draft.unmount()
      const listenersLeft = await until(() => listeners.count, 0)
      return { seen, runs, listenersLeft, title: engine.read.rows.get('0')?.title }
    },

    /** Shows the status of an engine with a remote, and of an engine with a reaction. */
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
        // A log on disk could outlive the remote, which lives in this page. So each run has a new name.
        const name = `rows ${crypto.randomUUID()}`
        const { engine, listeners } = watched(await openEngine(rowsModel, { name, ...options }))
        await engine.dispatch.fill({ rows: 1, label: 'row' })
        const unmount = mountStatus(page, engine)
        const line = () => page.querySelector('[data-status]')?.textContent?.trim()
        const seen: (string | undefined)[] = []
        for (const [act, expected] of steps) {
          act(engine)
          seen.push(await until(line, expected))
        }
        unmount()
        const listenersLeft = await until(() => listeners.count, 0)
        await engine.close()
        return { seen, listenersLeft, elements: await until(elementsLeft, 0) }
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

    /** Unmounts components during commands, and from inside a listener. */
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
      await mounted(listeners)
      const end = engine.subscribe(() => {
        end()
        list.unmount()
      })
      await engine.dispatch.rename({ id: '3', title: 'last' })
      const listenersLeft = await until(() => listeners.count, 0)
      return { listenersLeft, elements: await until(elementsLeft, 0), title: engine.read.rows.get('3')?.title }
    },
  }
}

export type Scenarios = ReturnType<typeof createScenarios>

declare global {
  interface Window {
    scenarios: Scenarios
  }
}
