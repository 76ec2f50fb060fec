import { evolveItem, type Item, type WorkEvent } from '../workload.ts'
import type { Subject } from './subject.ts'

export type Row = [id: string, list: string, title: string, done: 0 | 1, changes: number]
/** Without `write` it asks for all rows. */
export interface Ask {
  readonly id: string
  readonly write?: readonly WorkEvent[]
}
export interface Answer {
  readonly to: string
  readonly rows?: Row[] | undefined
  readonly error?: string
}
export type Message = Ask | Answer | { readonly changed: readonly WorkEvent[] }

/**
 * SQLite by hand: the official build in a dedicated worker, with its pool of OPFS access handles. One worker of an origin can hold the pool, so
 * each page starts a worker, and the one with the Web Lock serves all pages. Rows are in the memory of each page, as with the other subjects.
 */
const items = new Map<string, Item>()
const channel = new BroadcastChannel('sqlite')
const waiting = new Map<string, { resolve: (rows?: Row[]) => void; reject: (error: Error) => void }>()
let worker: Worker
let holds = false
let listener: (() => void) | undefined

function receive(data: Message) {
  if ('changed' in data) {
    for (const event of data.changed) items.set(event.data.id, evolveItem(items.get(event.data.id), event))
    listener?.()
  } else if ('to' in data) {
    if (data.error) waiting.get(data.to)?.reject(new Error(data.error))
    else waiting.get(data.to)?.resolve(data.rows)
    waiting.delete(data.to)
  }
}
channel.onmessage = ({ data }: MessageEvent<Message>) => receive(data)

function request(write?: readonly WorkEvent[]): Promise<Row[] | undefined> {
  const ask: Ask = { id: crypto.randomUUID(), ...(write && { write }) }
  return new Promise((resolve, reject) => {
    waiting.set(ask.id, { resolve, reject })
    if (holds) worker.postMessage(ask)
    else channel.postMessage(ask)
  })
}

export const subject: Subject = {
  async boot() {
    worker = new Worker(new URL('./sqlite.worker.ts', import.meta.url), { type: 'module' })
    const own = new Promise<void>((resolve) => {
      worker.onmessage = ({ data }: MessageEvent<Message | 'holds'>) => {
        if (data !== 'holds') return receive(data)
        holds = true
        resolve()
      }
    })
    // The worker of an older tab answers at once. In the first tab, nobody does before the own worker holds the pool.
    const rows = await Promise.race([request(), own.then(() => request())])
    for (const [id, list, title, done, changes] of rows ?? [])
      items.set(id, { id, list, title, done: done === 1, changes })
  },
  rows: () => [...items.values()],
  write: (event) => request([event]),
  record: (events) => request(events),
  watch(id, onTitle) {
    listener = () => onTitle(items.get(id)?.title)
  },
}
