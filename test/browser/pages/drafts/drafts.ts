import { defineEvents, defineModel, event, openEngine, projection, select, table } from 'tidemark'
import { draft } from 'tidemark/drafts'

interface Message {
  id: string
  text: string
}
const events = defineEvents({ messageAdded: event<Message>() })
const model = defineModel({
  name: 'drafts',
  events,
  projections: {
    messages: projection(events, { into: table<Message>('id'), evolve: { messageAdded: (_, { data }) => data } }),
  },
  commands: { add: (_, message: Message) => events.messageAdded(message) },
  drafts: { reply: draft() },
})
const engine = await openEngine(model, { name: new URLSearchParams(location.search).get('name') ?? 'drafts' })
const { reply } = engine.drafts

/** Selectors that ran. */
let runs = 0
select(engine, (read) => {
  runs++
  return read.messages.size
}).subscribe(() => {})

/** When the draft was first shown with so many characters, by a clock that all tabs share. */
const seen: [length: number, at: number][] = []
const now = () => performance.timeOrigin + performance.now()
const page = document.querySelector('p') as HTMLElement
reply.subscribe('r', () => {
  const { text = '' } = reply.get('r') ?? {}
  page.textContent = text.slice(-200)
  seen.push([text.length, now()])
})
const longTasks: number[] = []
if (PerformanceObserver.supportedEntryTypes.includes('longtask'))
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) longTasks.push(duration)
  }).observe({ type: 'longtask' })

/** What this machine takes for the same way at the same time: a timer in the writer, a channel, a listener in another tab. */
const control = new BroadcastChannel('control')
const heard: [length: number, at: number][] = []
control.onmessage = ({ data }) => heard.push([data, now()])
/** Milliseconds: those between two hints of drafts. */
const TIMER = 32

/** Writes to the store, by when they began. */
const writes: number[] = []
const { transaction } = IDBDatabase.prototype
IDBDatabase.prototype.transaction = function (stores, mode, options) {
  if (mode === 'readwrite' && [stores].flat().join() === 'drafts') writes.push(performance.now())
  return transaction.call(this, stores, mode, options)
}

const drafts = {
  /** Nothing that happened before counts. */
  reset() {
    runs = 0
    for (const list of [seen, heard, longTasks, writes]) list.length = 0
  },
  text: () => reply.get('r')?.text,
  state: () => reply.get('r')?.state,
  results: () => ({ seen, heard, runs, longTasks, writes }),
  sequence: () => engine.status.sequence,
  message: () => engine.read.messages.get('r')?.text.length,
  /** Appends so many pieces of ten characters, as a stream does: some at once, then a pause. When each length was reached. */
  async stream(pieces: number, at: number, pause: number) {
    const writer = reply.begin('r', {})
    const sent: [length: number, at: number][] = []
    let length = 0
    for (let i = 0; i < pieces; ) {
      for (let n = 0; n < at && i < pieces; n++, i++) {
        writer.append(`${i}`.padStart(9, '.').concat(' '))
        length += 10
      }
      sent.push([length, now()])
      setTimeout((reached: number) => control.postMessage(reached), TIMER, length)
      await new Promise((resolve) => setTimeout(resolve, pause))
    }
    const { sequence } = await writer.end((text) => engine.dispatch.add({ id: 'r', text }))
    return { sent, sequence }
  },
  begin(text: string) {
    reply.begin('r', {}).append(text)
  },
  list: () => reply.list(),
}
declare global {
  interface Window {
    drafts: typeof drafts
  }
}
window.drafts = drafts
