import { afterEach } from 'vitest'
import type { Browser, Server, Tab } from '../harness/index.ts'
import type {} from '../pages/engine/engine.ts'

/** Where scenarios are played: one profile of one engine, and a server with the pages. */
export interface Scene<B extends Browser = Browser> {
  readonly browser: B
  readonly server: Server
  /** The name of a log that no other test has used. */
  fresh(): string
  /** A page of test/browser/pages in a new tab, closed when the test ends. */
  open(page: string): ReturnType<B['open']>
  /** A tab of the engine page with an open engine. */
  tab(name: string, worker?: string, query?: string): ReturnType<B['open']>
}

let names = 0

/** For a `describe`. Closes all pages after each test, so that no worker lives on into the next test. */
export const createScene = <B extends Browser>(browser: () => B, server: () => Server): Scene<B> => {
  let tabs: Tab[] = []
  afterEach(async () => {
    const open = tabs
    tabs = []
    await Promise.all(open.map((tab) => tab.close().catch(() => {})))
  })
  const scene: Scene<B> = {
    get browser() {
      return browser()
    },
    get server() {
      return server()
    },
    fresh: () => `log-${++names}`,
    open: (async (page: string) => {
      const tab = await browser().open(`${server().url}${page}`)
      tabs.push(tab)
      await tab.waitFor(() => document.readyState === 'complete')
      return tab
    }) as Scene<B>['open'],
    tab: (async (name: string, worker = 'shared', query = '') => {
      const tab = await scene.open(`engine/${query}`)
      await tab.waitFor(() => window.app)
      await tab.evaluate((name, worker) => window.app.open({ name, worker }), name, worker)
      return tab
    }) as Scene<B>['tab'],
  }
  return scene
}

export const later = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

/** What a tab shows, what the log folded by hand gives, and what is persisted. */
export const threeViews = async (tab: Tab, name: string) => {
  const { differ, ...views } = await tab.evaluate(async (name) => {
    await window.app.projected()
    const { projections } = await window.app.stored(name)
    const { notes, writers, total } = projections
    const stored = { notes: notes?.rows, writers: writers?.rows, total: total?.rows[0] }
    const [shown, folded] = [window.app.shown(), await window.app.folded()]
    const checkpoints = [notes?.sequence, writers?.sequence, total?.sequence]
    // Compares in the page and sends equal views once, because they may have tens of thousands of rows.
    if (new Set([shown, folded, stored].map((view) => JSON.stringify(view))).size === 1) return { shown, checkpoints }
    return { shown, checkpoints, differ: { folded, stored } }
  }, name)
  const { folded, stored } = differ ?? { folded: views.shown, stored: views.shown }
  return { ...views, folded, stored }
}
