/** Every subject, floor first. Adding one: a file beside this one that exports `subject`, and a line here. */
export interface Entry {
  readonly name: string
  readonly title: string
  /** npm packages whose versions are stated. */
  readonly packages: readonly string[]
  /** What is kept: a subject without a log has less to do. */
  readonly keeps: string
  /** Longest log that it is given; longer ones take it many minutes. */
  readonly maxEvents: number
  readonly maxRows?: number
  /** Writes per round, where one takes tens of milliseconds; and its burst is measured once. */
  readonly slow?: boolean
  /** Longest that one visit may take; 600 where nothing is said. */
  readonly seconds?: number
  /** Has projections, a worker, sealing and so on: the figures of Tidemark itself. */
  readonly wide?: boolean
  readonly engines?: boolean
}

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
  { name: 'pouchdb', title: 'PouchDB', packages: ['pouchdb-browser'], keeps: 'rows with revisions', maxEvents: 1e5 },
]
