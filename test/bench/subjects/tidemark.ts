import { type OpenOptions, openEngine } from 'tidemark'
import { at } from 'tidemark/tools'
import { change, createBareFold, eventsBetween, type Item, idOf, listOf, titleOf } from '../workload.ts'
import { besideEngine, commitsOf, settled } from './settled.ts'
import type { Subject } from './subject.ts'
import { indexed, many, narrow, wide } from './tidemark.model.ts'

let name: string
let engine: Awaited<ReturnType<typeof openNarrow>>
/** Other logs with the same rows, which one page writes in turns. */
const others = new Map<string, typeof engine>()
const openNarrow = (options: OpenOptions) => openEngine(narrow, options)
const narrowWorker = () => new SharedWorker(new URL('./tidemark.worker.ts', import.meta.url), { type: 'module' })
const otherLogs: { readonly [name: string]: Parameters<typeof openNarrow>[0] } = {
  plain: { worker: narrowWorker },
  uncopied: { mirror: false, worker: narrowWorker },
  reacting: {
    worker: () => new SharedWorker(new URL('./tidemark.reacting.worker.ts', import.meta.url), { type: 'module' }),
    reactions: () => import('./tidemark.reactions.ts'),
  },
}
/** Reads the database without the engine. */
const database = <T>(use: (db: IDBDatabase) => IDBRequest<T> | IDBTransaction): Promise<T> =>
  besideEngine(`tidemark:${name}`, use)
const commits = () => commitsOf(name)

/** Tidemark as a subject. With `mirror: false` its log has no second copy. */
export const create = (given: { mirror?: false } = {}): Subject => ({
  database: `tidemark:${narrow.name}`,
  async boot(options) {
    const { projections } = options
    const model = (
      projections > 1 ? many(projections) : options.indexed ? indexed : options.wide ? wide : narrow
    ) as typeof narrow
    name = model.name
    engine = await openEngine(model, {
      ...given,
      // The bundler finds a worker only if its URL is written inside `new SharedWorker(…)`.
      worker: () =>
        projections > 1
          ? new SharedWorker(new URL('./tidemark.many.worker.ts', import.meta.url), {
              type: 'module',
              name: `${projections}`,
            })
          : options.indexed
            ? new SharedWorker(new URL('./tidemark.indexed.worker.ts', import.meta.url), { type: 'module' })
            : options.wide
              ? new SharedWorker(new URL('./tidemark.wide.worker.ts', import.meta.url), { type: 'module' })
              : narrowWorker(),
    })
  },
  rows: () => engine.read.items.all() as readonly Item[],
  write: (event) => (event.type === 'itemAdded' ? engine.dispatch.add(event.data) : engine.dispatch.change(event.data)),
  record: (events) => engine.dispatch.record(events),
  watch(id, listener) {
    engine.subscribe(() => listener(engine.read.items.get(id)?.title))
  },
  /** Rows persisted, old commits sealed. */
  settle: () => settled(engine, name),
  extras: {
    projected: () => engine.projected(),
    status: async () => JSON.parse(JSON.stringify(engine.status)),
    commits,
    async rebuild() {
      const from = performance.now()
      await engine.rebuild()
      return performance.now() - from
    },
    /** Reads every sealed segment and folds it in a loop: the least work of a rebuild. */
    async readAndFold() {
      const from = performance.now()
      const fold = createBareFold()
      const segments: { body: string }[] = await database((db) =>
        db.transaction('segments').objectStore('segments').getAll(),
      )
      const parse = (body: string) => {
        for (const { events } of JSON.parse(body)) for (const event of events) fold.apply(event)
      }
      for (const { body } of segments) {
        const bytes: Uint8Array<ArrayBuffer> = await database((db) =>
          db.transaction('bodies').objectStore('bodies').get(body),
        )
        // A header line, then the commits.
        const stream = new Blob([bytes.subarray(bytes.indexOf(10) + 1)])
          .stream()
          .pipeThrough(new DecompressionStream('gzip'))
        const lines = (await new Response(stream).text()).split('\n')
        for (let i = 1; i < lines.length; i += 2) parse(lines[i] as string)
      }
      const rest: { body: string }[] = await database((db) => db.transaction('commits').objectStore('commits').getAll())
      for (const { body } of rest) parse(body)
      return { ms: performance.now() - from, rows: fold.items.size }
    },
    /** Times three reads of the past: the whole log folded, the step to the event before, and the first event of one row. */
    async past(row: number) {
      const times: number[] = []
      async function timed<T>(work: () => Promise<T>): Promise<T> {
        const from = performance.now()
        const result = await work()
        times.push(performance.now() - from)
        return result
      }
      const head = engine.status.sequence
      const past = await timed(() => at(engine, head))
      await timed(() => past.move(head - 1))
      const touching = engine.history({ table: 'items', key: idOf(row), limit: 1 })[Symbol.asyncIterator]()
      const { value } = await timed(() => touching.next())
      if (value?.type !== 'itemAdded' || past.sequence !== head - 1) throw new Error('the past is another')
      return times
    },
    async openOther(log: string, events: number, rows: number) {
      const named = { name: `${name}-${log}` }
      // Recorded before there are reactions: none of them has to handle what is recorded.
      const recorded = await openNarrow({ ...named, mirror: otherLogs[log]?.mirror, worker: narrowWorker })
      for (let n = 0; n < events; n += 1000)
        await recorded.dispatch.record(eventsBetween(n, Math.min(n + 1000, events), rows))
      await recorded.projected()
      await recorded.close()
      const other = await openNarrow({ ...otherLogs[log], ...named })
      others.set(log, other)
      await other.projected()
    },
    /** Whether the second copies are complete. */
    async copies() {
      const { mirror, sequence } = engine.status
      if (mirror.sequence !== sequence) return `at ${mirror.sequence} of ${sequence}`
      return `${mirror.state}, ${others.get('uncopied')?.status.mirror.state}`
    },
    /** The reactions of the log that has some. */
    reactions: async () => Object.values(others.get('reacting')?.status.reactions ?? {}).map(({ state }) => state),
    async turn(log: string | undefined, ms: number, rows: number, seed: number) {
      const { dispatch } = others.get(log ?? '') ?? engine
      const times: number[] = []
      for (let n = seed, from = performance.now(), until = from + ms; from < until; n++) {
        const row = (n * 31) % rows
        await dispatch.change(change(idOf(row), listOf(row), titleOf(n)).data)
        times.push(performance.now() - from)
        from = performance.now()
      }
      return times
    },
    /** Deletes all derived data, as if the snapshot was lost: the next boot has to fold the log. */
    dropSnapshot: () =>
      database((db) => {
        const transaction = db.transaction(['pages', 'checkpoints'], 'readwrite')
        transaction.objectStore('pages').clear()
        transaction.objectStore('checkpoints').clear()
        return transaction
      }),
  },
})

export const subject: Subject = create()
