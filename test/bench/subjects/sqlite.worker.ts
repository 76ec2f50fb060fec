import sqlite3InitModule from '@sqlite.org/sqlite-wasm'
import type { WorkEvent } from '../workload.ts'
import type { Answer, Ask, Message, Row } from './sqlite.ts'

const channel = new BroadcastChannel('sqlite')
/** Set in the worker that holds the lock. */
let serve: ((ask: Ask) => Row[] | undefined) | undefined

async function open(): Promise<void> {
  const sqlite3 = await sqlite3InitModule()
  const pool = await sqlite3.installOpfsSAHPoolVfs({ initialCapacity: 6 })
  const db = new pool.OpfsSAHPoolDb('/bench.db')
  // As durable as the other subjects: a crash of the browser loses nothing.
  db.exec('pragma locking_mode = exclusive; pragma journal_mode = wal; pragma synchronous = normal')
  db.exec(`create table if not exists events (sequence integer primary key, type text not null, data text not null);
    create table if not exists items (id text primary key, list text, title text, done integer, changes integer) without rowid`)
  const log = db.prepare('insert into events (type, data) values (?, ?)')
  const add = db.prepare('insert into items values (?, ?, ?, 0, 0)')
  const change = db.prepare('update items set title = ?, done = ?, changes = changes + 1 where id = ?')

  function store({ type, data }: WorkEvent) {
    log.bind([type, JSON.stringify(data)]).stepReset()
    if (type === 'itemAdded') add.bind([data.id, data.list, data.title]).stepReset()
    else change.bind([data.title, data.done ? 1 : 0, data.id]).stepReset()
  }
  serve = ({ write }) => {
    if (!write) return db.selectArrays('select id, list, title, done, changes from items') as unknown as Row[]
    db.transaction(() => write.forEach(store))
    channel.postMessage({ changed: write } satisfies Message)
    return
  }
}

function answer(ask: Ask, reply: (answer: Answer) => void) {
  if (!serve) return
  try {
    reply({ to: ask.id, rows: serve(ask) })
  } catch (error) {
    reply({ to: ask.id, error: String(error) })
  }
}
channel.onmessage = ({ data }: MessageEvent<Message>) => {
  if ('id' in data) answer(data, (answer) => channel.postMessage(answer))
}
self.onmessage = ({ data }: MessageEvent<Ask>) => answer(data, (answer) => postMessage(answer))

// The lock is held until the tab closes. Then the next worker in the queue opens the pool.
void navigator.locks.request('sqlite', async () => {
  await open()
  postMessage('holds')
  await new Promise(() => {})
})
