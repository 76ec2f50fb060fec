import { openEngine } from 'tidemark'
import { rejected } from 'tidemark/sync'
import { seatApp } from './model.ts'
import { remote } from './remote.ts'

const open = () =>
  openEngine(seatApp, {
    remote,
    worker: () => new SharedWorker(new URL('./shared.worker.ts', import.meta.url), { type: 'module' }),
  })

/** Everybody books; what is durable here is acknowledged. */
async function book(round: string, own: string, count: number): Promise<string[]> {
  const { engine } = window.shared
  const ids: string[] = []
  await Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const commandId = `${round} ${own} ${i}`
      // Each third one is wanted by everybody.
      const seat = i % 3 ? commandId : `${round} ${i}`
      await engine.dispatch.book({ seat, by: own }, { commandId }).then(
        () => ids.push(commandId),
        () => {},
      )
    }),
  )
  return ids
}

/** What this browser has of the log, and what the log has refused. */
async function log() {
  const { engine } = window.shared
  const events = []
  for await (const { sequence, commandId, data, at } of engine.history())
    events.push([sequence, commandId, data.seat, data.by, at])
  return { events, refused: (await rejected(engine)).map(({ commandId }) => commandId), rows: engine.read.seats.all() }
}

declare global {
  interface Window {
    shared: { readonly engine: Awaited<ReturnType<typeof open>>; readonly book: typeof book; readonly log: typeof log }
  }
}

open().then((engine) => {
  window.shared = { engine, book, log }
})
