import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Engine } from './find.mjs'

/** One tab. `evaluate` sends the text of its function, which may use no outer variables. Arguments and results are JSON. */
export interface Tab {
  goto(url: string): Promise<void>
  reload(): Promise<void>
  /** Runs a function in the page and waits for its promise. Throws an error of the page here, with the same name and message. */
  evaluate<A extends readonly unknown[], T>(run: (...args: A) => T, ...args: A): Promise<Awaited<T>>
  /** Waits until the expression is truthy. If the page navigates meanwhile, it is evaluated again. */
  waitFor<A extends readonly unknown[]>(run: (...args: A) => unknown, ...args: A): Promise<void>
  /** Console lines and uncaught errors, if the driver reports them. */
  readonly log: readonly string[]
  close(): Promise<void>
}

/** One profile of one engine. */
export interface Browser {
  readonly engine: Engine
  /** A new tab in the same profile. */
  open(url: string): Promise<Tab>
  /** Starts a new browser process on the same profile. All tabs are gone, but not what they stored. */
  restart(between?: () => void): Promise<void>
  /** Ends the process and deletes the profile. */
  close(): Promise<void>
}

interface Outcome {
  readonly value?: unknown
  readonly error?: { readonly name: string; readonly message: string; readonly stack: string }
}

/** An expression that gives a promise of JSON. The three drivers serialise different values, but all of them pass a string. */
export const expression = (run: (...args: any[]) => unknown, args: readonly unknown[]) => `(async () => {
  try {
    return JSON.stringify({ value: await (${run})(...${JSON.stringify(args)}) })
  } catch (error) {
    return JSON.stringify({ error: { name: error?.name ?? 'Error', message: String(error?.message ?? error), stack: String(error?.stack) } })
  }
})()`

export const outcome = (text: string): any => {
  const { value, error } = JSON.parse(text) as Outcome
  if (!error) return value
  throw Object.assign(new Error(error.message), { name: error.name, cause: error.stack })
}

export const waitUntil = async (ask: () => Promise<unknown>, what: string, timeout = 60_000) => {
  const end = Date.now() + timeout
  let last: unknown
  while (Date.now() < end) {
    try {
      if ((last = await ask())) return
    } catch (error) {
      last = error
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error(`waited ${timeout} ms for ${what}; last answer: ${last instanceof Error ? last.message : last}`)
}

/** Milliseconds within which a page must report its text. */
const ANSWER_MS = 5000
/** Characters of its text, and lines of its console. */
const TEXT_MAX = 1500
const LINES_MAX = 20
/** The tabs that a failing test reports. */
const TABS_MAX = 6

/** The tabs that were opened last, including closed ones. */
export const lastTabs: Tab[] = []
export const remember = <T extends Tab>(tab: T): T => {
  lastTabs.push(tab)
  if (lastTabs.length > TABS_MAX) lastTabs.shift()
  return tab
}

/** What a tab shows, and the end of its console. */
export const describeTab = async (tab: Tab): Promise<string> => {
  const shown = tab
    .evaluate(() => `${location.href}: ${document.body.textContent}`)
    .catch(({ message }: Error) => `nothing: ${message}`)
  const late = new Promise<string>((resolve) => setTimeout(resolve, ANSWER_MS, 'nothing: it does not answer'))
  const text = (await Promise.race([shown, late])).replace(/\s+/g, ' ').slice(0, TEXT_MAX)
  return `The page shows ${text}\nIts console says ${tab.log.slice(-LINES_MAX).join('\n') || 'nothing'}`
}

/** Waits until an expression is truthy in the page. If it never is, the error has the text of the page, to explain a run on another machine. */
export const waitInTab = async <A extends readonly unknown[]>(
  tab: Tab,
  run: (...args: A) => unknown,
  args: A,
): Promise<void> => {
  try {
    await waitUntil(() => tab.evaluate(run, ...args), `${run}`)
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${await describeTab(tab)}`)
  }
}

export const freshProfile = (engine: string) => {
  const folder = mkdtempSync(join(tmpdir(), `tidemark-${engine}-`))
  // A browser that just ended may still write for a moment.
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }) }
}
