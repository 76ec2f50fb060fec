import { afterEach, expect, vi } from 'vitest'
import { dump, faults, watchTraffic } from '../log/storage.ts'
import { openTab } from './todos.ts'

export type Tab = Awaited<ReturnType<typeof openTab>>
const open: Tab[] = []
const undo: (() => unknown)[] = []

afterEach(async () => {
  for (const one of undo.splice(0)) one()
  await Promise.all(open.splice(0).map((one) => one.close()))
  vi.unstubAllGlobals()
})

/** A tab that is closed when the test ends. */
export async function tab(...args: Parameters<typeof openTab>): Promise<Tab> {
  const opened = await openTab(...args)
  open.push(opened)
  return opened
}

/** Faults that end with the test. */
export function broken(): ReturnType<typeof faults> {
  const made = faults()
  undo.push(made.stop)
  return made
}

/** Traffic that is watched until the test ends. */
export function traffic(): ReturnType<typeof watchTraffic> {
  const watched = watchTraffic()
  undo.push(watched.stop)
  return watched
}

/** Waits until nobody has asked IndexedDB for anything for a while: pipelines start and write when they see fit. */
export async function quiet(milliseconds = 350): Promise<void> {
  const watched = watchTraffic()
  for (let seen = -1; seen !== watched.requests.length; ) {
    seen = watched.requests.length
    await new Promise((resolve) => setTimeout(resolve, milliseconds))
  }
  watched.stop()
}

export const atEnd = (one: () => unknown): unknown => undo.push(one)

export const logId = async (name: string): Promise<string> =>
  (await dump(name, 'meta')).find(({ key }) => key === 'log')!.value.id

/** The ranges of `commits`, joined: `[[1, n]]` where nothing is missing and nothing overlaps. */
export async function ranges(name: string): Promise<number[][]> {
  const joined: number[][] = []
  for (const { key, value } of await dump(name, 'commits')) {
    expect(key).toBe(value.first)
    if (joined.at(-1)?.[1] === value.first - 1) joined.at(-1)![1] = value.last
    else joined.push([value.first, value.last])
  }
  return joined
}

/** The log and nothing derived from it. */
export const theLog = async (name: string): Promise<unknown> =>
  Promise.all(['commits', 'segments', 'bodies', 'commands', 'types'].map((store) => dump(name, store)))
