import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** One process of a browser on one profile, as far as the figures need it. */
export interface Browser {
  readonly version: string
  open(url: string): Promise<Tab>
  /** The main threads of all pages while it runs. */
  traced?<T>(run: () => Promise<T>): Promise<Traced<T>>
  close(): Promise<void>
}
export interface Tab {
  /** Evaluates an expression in the page and waits for it. */
  run<T>(expression: string): Promise<T>
  close(): Promise<void>
  /** Bytes of JavaScript heap in use after a collection, where the engine tells. */
  heap?(): Promise<number>
}
/** What a main thread was busy with: the longest task, by the thread's own time, in ms. Where the engine tells. */
export interface Traced<T> {
  readonly value: T
  readonly longest: number
}
export type Launch = (profile: string) => Promise<Browser>
/** Whether the engine boots again on the profile it left, in a new process. */
export interface Engine {
  readonly name: 'chromium' | 'firefox' | 'webkit'
  readonly keepsProfile: boolean
  readonly launch: Launch
}

export function find(variable: string, ...names: string[]): string {
  const given = process.env[variable]
  if (given) return given
  for (const name of names)
    for (const folder of name.startsWith('/') ? [''] : (process.env.PATH ?? '').split(delimiter)) {
      const file = join(folder, name)
      try {
        accessSync(file, constants.X_OK)
        return file
      } catch {}
    }
  throw new Error(`None of ${names.join(', ')} is installed. Install one, or name it in ${variable}`)
}
