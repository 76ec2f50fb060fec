import { openThreads, type ThreadsEngine } from '../../../demo/threads/engine.ts'
import { settled } from './settled.ts'
import type { Subject } from './subject.ts'
import { fill, rowsOf, tables, unused } from './threads.rows.ts'

let engine: ThreadsEngine

/** The demo without its page: its model, worker, reactions and options are those of `demo/threads`. */
export const subject: Subject = {
  database: 'tidemark:threads',
  async boot() {
    engine = await openThreads()
  },
  settle: () => settled(engine, 'threads'),
  extras: {
    fill: (threads: number) => fill(engine, threads),
    async counts() {
      const rows = rowsOf(engine.read)
      return { events: engine.status.sequence, rows: tables.map((name) => rows[name].length).join() }
    },
  },
  rows: unused,
  write: unused,
  record: unused,
  watch: unused,
}
