import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Bytes of memory that all processes of the browser on this profile take. A page that processes share counts once. Linux only. */
export async function memoryOf(profile: string): Promise<number> {
  const parents = new Map<number, number>()
  const mine = new Set<number>()
  const processes = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number)
  for (const pid of processes) {
    const [command = '', status = ''] = await Promise.all([read(pid, 'cmdline'), read(pid, 'status')])
    parents.set(pid, Number(/^PPid:\s*(\d+)/m.exec(status)?.[1]))
    if (command.includes(profile)) mine.add(pid)
  }
  // Children have a higher number than their parents, but for a wrap of the numbers, which the second pass finds.
  for (const _ of [1, 2]) for (const pid of processes) if (mine.has(parents.get(pid) ?? 0)) mine.add(pid)
  let bytes = 0
  for (const pid of mine) {
    const rollup = (await read(pid, 'smaps_rollup')) ?? ''
    bytes += Number(/^Pss:\s*(\d+) kB/m.exec(rollup)?.[1] ?? 0) * 1024
  }
  return bytes
}

/** Undefined if the process has ended. */
const read = (pid: number, file: string): Promise<string | undefined> =>
  readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => undefined)

/** The files of Chromium's IndexedDB: how many tables it has, and the bytes that it reads again when it opens the database. */
export async function filesOf(profile: string): Promise<{ tables: number; log: number }> {
  const folder = join(profile, 'Default/IndexedDB')
  let tables = 0
  let log = 0
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (/\.ldb$/.test(entry.name)) tables++
    if (/^\d+\.log$/.test(entry.name)) log += (await readFile(join(entry.parentPath, entry.name))).length
  }
  return { tables, log }
}
