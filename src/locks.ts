/** The purpose of a Web Lock of this library. */
export type LockKind =
  /** Held shared by every engine that has the log open, and exclusively by work that needs the log alone. */
  | 'log'
  /** Held by the tab that looks for a mirror of a new database. */
  | 'restore'
  /** Held by the writer of a mirror, and to read it back or remove it. */
  | 'mirror'
  /** Held by a worker while it lives; named by its epoch. */
  | 'worker'
  /** Held by a tab while its connection to a worker is open; named by an id of the connection. */
  | 'holder'
  /** Held by the page whose pipeline is at work, if there is no worker. */
  | 'pipeline'
  /** Held by the one engine that works beside a pipeline of this log, and to take its place. */
  | 'engine'
  /** Held shared by that engine while it works on the log, and exclusively by work that needs the log alone. */
  | 'turn'
  /** Shared by the users of a projection's rows, or held by a rebuild: log, identity, build. */
  | 'rows'
  /** Held by the writer of a draft: log, epoch. */
  | 'draft'

/**
 * The name of a lock: `tidemark/<kind>/<name>`. Two locks have the same name only if kind and all names are the same,
 * whatever characters the names have.
 */
export const lockName = (kind: LockKind, ...names: readonly string[]): string =>
  ['tidemark', kind, ...names.map(encodeName)].join('/')

/** Letters, digits, `_` and `-` stay. Every other code unit becomes four hex digits. Unlike encodeURIComponent it takes a lone surrogate. */
const encodeName = (name: string): string =>
  name.replace(/[^A-Za-z\d_-]/g, (one) => `%${one.charCodeAt(0).toString(16).padStart(4, '0')}`)
