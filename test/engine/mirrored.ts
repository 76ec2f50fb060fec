/** A browser with private files and Web Locks, anew for each test of the file that imports this: every log is mirrored. */

import type { OpenOptions } from 'tidemark'
import { beforeEach, expect, vi } from 'vitest'
import { createDisk, createLocks, type Disk } from '../log/fileSystem.ts'
import { openDatabase, seal } from '../log/rooms.ts'
import { deleteDatabase } from '../log/storage.ts'
import { type Tab, tab } from './kit.ts'
import { freshName, outcome } from './todos.ts'

export let disk: Disk
export let locks: ReturnType<typeof createLocks>
export let estimate: { usage: number; quota: number }
beforeEach(() => {
  disk = createDisk()
  locks = createLocks()
  estimate = { usage: 0, quota: 1e9 }
  vi.stubGlobal('navigator', {
    locks,
    storage: { getDirectory: async () => disk.root, persisted: async () => false, estimate: async () => estimate },
  })
})

/** What a busy machine needs for something prompt. */
export const prompt = { timeout: 15_000, interval: 10 }
const LARGE = 10_000
/** Waits for the mirror. One of tens of thousands of events takes longer than one that only has to be prompt. */
export const mirrored = (one: Tab, mirror: number | object) =>
  vi.waitFor(
    () => expect(one.status.mirror).toEqual(typeof mirror === 'number' ? { state: 'on', sequence: mirror } : mirror),
    typeof mirror === 'number' && mirror >= LARGE ? { ...prompt, timeout: 60_000 } : prompt,
  )

export const off = (reason: string) => ({ state: 'off', sequence: 0, reason: expect.stringContaining(reason) })
export const filesOf = (name: string) =>
  [...disk.root.files.keys()].filter((file) => file.startsWith(`tidemark-${name}/`)).map((file) => file.split('/')[1])
export const bytesAt = (name: string, file: string) => disk.root.files.get(`tidemark-${name}/${file}`)!
export const tail = 'tail.tidemark'
export const segment = (first: number, last: number) =>
  `${`${first}`.padStart(12, '0')}-${`${last}`.padStart(12, '0')}.tidemark`

/** `n` events in commits of 100, so that there is something to seal. */
export async function addMany(one: Tab, n: number): Promise<void> {
  for (let left = n, at = one.status.sequence; left > 0; left -= 100) {
    const ids = Array.from({ length: Math.min(left, 100) }, () => `t${++at}`)
    await one.dispatch.addMany({ ids })
  }
}

export const sealAll = async (name: string, limit: number, events: number) => {
  const database = await openDatabase(name, false)
  while (await seal(database, limit, events)) {}
  database.close()
}

/** As a browser loses it: under the open tabs, whose engines end. */
export async function lose(name: string, ...tabs: Tab[]): Promise<void> {
  await deleteDatabase(name)
  for (const one of tabs) {
    expect(await outcome(one.dispatch.add({ title: 'too late' }))).toMatchObject({
      name: 'EngineClosed',
      reason: 'log replaced',
    })
    await one.close()
  }
}

/** The name of a log of `n` events of which only the mirror is left. */
export async function lost(n: number, options?: OpenOptions): Promise<string> {
  const name = freshName()
  const one = await tab(name, {}, options)
  await addMany(one, n)
  await mirrored(one, n)
  await lose(name, one)
  return name
}

export const replaceDisk = (...args: Parameters<typeof createDisk>): void => {
  disk = createDisk(...args)
}

/** No file is done before what this gives is called; `began` resolves as soon as one is being written. */
export function holdFiles(): (() => void) & { readonly began: Promise<void> } {
  let release = (): void => {}
  let begin = (): void => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  const began = new Promise<void>((resolve) => {
    begin = resolve
  })
  disk.closing = () => {
    begin()
    return held
  }
  return Object.assign(() => release(), { began })
}
