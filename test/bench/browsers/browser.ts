import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** One process of a browser on one profile, with the functions that the figures need. */
export interface Browser {
  readonly version: string
  open(url: string): Promise<Tab>
  /** Traces the main threads of all pages while `run` runs. */
  traced?<T>(run: () => Promise<T>): Promise<Traced<T>>
  close(): Promise<void>
}
export interface Tab {
  /** Evaluates an expression in the page and waits for it. */
  run<T>(expression: string): Promise<T>
  close(): Promise<void>
  /** Bytes of JavaScript heap in use after a garbage collection. Missing if the engine can't report them. */
  heap?(): Promise<number>
}
export interface Traced<T> {
  /** The result of `run`. */
  readonly value: T
  /** The longest task of a main thread, in milliseconds of the thread's own processor time. */
  readonly longest: number
}
export type Launch = (profile: string) => Promise<Browser>
export interface Engine {
  readonly name: 'chromium' | 'firefox' | 'webkit'
  /** Whether a new process finds what an earlier process stored in its profile. */
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
