import { readFile } from 'node:fs/promises'
import { cpus, release, totalmem, type } from 'node:os'
import type { Entry } from '../subjects/index.ts'

export const machine = (): Record<string, string | number> => ({
  processor: cpus()[0]?.model ?? 'unknown',
  cores: cpus().length,
  memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
  system: `${type()} ${release()}`,
  node: process.version,
})

async function version(name: string): Promise<string> {
  const file = new URL(`../node_modules/${name}/package.json`, import.meta.url)
  return JSON.parse(await readFile(file, 'utf8')).version
}

export async function versions(subjects: readonly Entry[]): Promise<Record<string, string>> {
  const names = [...new Set(['vite', ...subjects.flatMap(({ packages }) => packages)])]
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, await version(name)] as const)))
}
