import type { Item, WorkEvent } from '../workload.ts'

/** The interface of a subject. Each has one file; all use the same page. */
export interface Subject {
  /**
   * Opens the stored data. When it resolves, every row is in memory. `wide` adds two projections; `indexed` also adds `history` to one table;
   * `projections` is another number of them, where the subject has that.
   */
  boot(options: BootOptions): Promise<void>
  /** Every row, for the check that all of them are there. */
  rows(): readonly Item[] | Promise<readonly Item[]>
  /** One durable write: resolves when it is on disk as far as the subject can tell. */
  write(event: WorkEvent): Promise<unknown>
  /** Writes events in bulk, as one commit. */
  record(events: readonly WorkEvent[]): Promise<unknown>
  /** Calls the listener with the row's title after every change published in this tab, the ones from other tabs included. */
  watch(id: string, listener: (title: string | undefined) => void): void
  /** Waits until background work is done, so that the next visit finds everything in place. */
  settle?(): Promise<void>
  /** The IndexedDB database that a boot opens, if it opens one. `bench.open()` opens it without the subject. */
  readonly database?: string
  /** Measurements that only some subjects have. */
  readonly extras?: { readonly [name: string]: (...args: any[]) => Promise<unknown> }
}

export interface BootOptions {
  readonly wide: boolean
  readonly indexed: boolean
  readonly projections: number
}
