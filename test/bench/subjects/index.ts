export interface Entry {
  readonly name: string
  readonly title: string
  /** npm packages whose versions the report lists. */
  readonly packages: readonly string[]
  /** What the subject stores: a subject without a log has less work. */
  readonly keeps: string
  /** The longest log to measure. A longer log takes this subject many minutes. */
  readonly maxEvents: number
  readonly maxRows?: number
  /** A write takes tens of milliseconds or more: fewer writes are measured per round, and the burst only once. */
  readonly slow?: boolean
  /** The most seconds of one visit; 600 by default. */
  readonly seconds?: number
  /** Also measured with three projections, and in the figures of the log itself. */
  readonly wide?: boolean
  /** Also measured in Firefox and WebKit. */
  readonly engines?: boolean
}

/** Every subject, the floor first. To add one, write a file beside this one that exports `subject`, and add its entry here. */
export const entries: readonly Entry[] = [
  {
    name: 'floor',
    title: 'raw IndexedDB (floor)',
    packages: [],
    keeps: 'log and rows, 500 to a record',
    maxEvents: 3e6,
    wide: true,
    engines: true,
  },
  {
    name: 'tidemark',
    title: 'Tidemark',
    packages: ['dexie', 'comlink'],
    keeps: 'log and rows',
    maxEvents: 3e6,
    wide: true,
    engines: true,
  },
  {
    name: 'tidemark-no-mirror',
    title: 'Tidemark without its second copy',
    packages: [],
    keeps: 'log and rows',
    maxEvents: 3e6,
    wide: true,
  },
  {
    name: 'dexie-rows',
    title: 'Dexie, rows and log',
    packages: ['dexie'],
    keeps: 'log and rows, one per record',
    maxEvents: 1e5,
  },
  {
    name: 'dexie-replay',
    title: 'Dexie, replay',
    packages: ['dexie'],
    keeps: 'log, one event per record; folded at every boot',
    maxEvents: 1e5,
  },
  { name: 'rxdb', title: 'RxDB (Dexie storage)', packages: ['rxdb'], keeps: 'rows, no log', maxEvents: 1e5 },
  {
    name: 'tinybase',
    title: 'TinyBase (IndexedDB persister)',
    packages: ['tinybase'],
    keeps: 'rows, no log',
    maxEvents: 1e5,
    slow: true,
    seconds: 240,
  },
  {
    name: 'livestore',
    title: 'LiveStore (web adapter)',
    packages: ['@livestore/livestore'],
    keeps: 'log and rows in SQLite',
    maxEvents: 1e4,
    maxRows: 1e3,
    slow: true,
    seconds: 120,
  },
  {
    name: 'sqlite',
    title: 'SQLite by hand (official WebAssembly build, OPFS pool)',
    packages: ['@sqlite.org/sqlite-wasm'],
    keeps: 'log and rows, one per record',
    maxEvents: 1e5,
  },
  { name: 'pouchdb', title: 'PouchDB', packages: ['pouchdb-browser'], keeps: 'rows with revisions', maxEvents: 1e5 },
]
