import { defineEvents, defineModel, event, openEngine, projection, table } from 'tidemark'
import { exportLog, importLog } from 'tidemark/tools'

declare global {
  interface Window {
    own: typeof own
  }
}

const events = defineEvents({ counted: event<{ id: string; by: number }>() })
const model = defineModel({
  name: 'counts',
  events,
  projections: {
    counts: projection(events, {
      into: table<{ id: string; sum: number }>('id'),
      evolve: { counted: (row, { data: { id, by } }) => ({ id, sum: (row?.sum ?? 0) + by }) },
    }),
  },
  commands: {
    count: (_, { from, to }: { from: number; to: number }) =>
      Array.from({ length: to - from }, (_, i) => events.counted({ id: `row ${(from + i) % 1000}`, by: from + i })),
  },
})

const engines = new Map<string, Awaited<ReturnType<typeof open>>>()
const open = (name: string) => openEngine(model, { name, mirror: false })
const engineOf = async (name: string) => {
  const engine = engines.get(name) ?? (await open(name))
  engines.set(name, engine)
  return engine
}
let file: Blob | undefined
let longest = 0
new PerformanceObserver((list) => {
  for (const { duration } of list.getEntries()) longest = Math.max(longest, duration)
}).observe({ type: 'longtask' })

const digest = async (blob: Blob) => {
  let sum = 0
  for await (const part of blob.stream() as unknown as AsyncIterable<Uint8Array>)
    for (let i = 0; i < part.length; i++) sum = (Math.imul(sum, 31) + (part[i] as number)) >>> 0
  return { size: blob.size, sum }
}

const own = {
  /** `each`: events of one command. */
  async record(name: string, count: number, each: number) {
    const engine = await engineOf(name)
    for (let from = 0; from < count; from += 1000) {
      const commands: Promise<unknown>[] = []
      for (let at = from; at < Math.min(count, from + 1000); at += each)
        commands.push(engine.dispatch.count({ from: at, to: Math.min(count, at + each) }))
      await Promise.all(commands)
    }
    await engine.projected()
    return engine.status.sequence
  },
  /** The browser keeps what a Blob holds, on its disk where it is much. */
  async exportAll(name: string) {
    file = await new Response(exportLog(await engineOf(name))).blob()
    return digest(file)
  },
  async importAll(name: string) {
    const engine = await engineOf(name)
    longest = 0
    const { sequence } = await importLog(engine, file as Blob)
    return { sequence, longest, rows: engine.read.counts.all() }
  },
  async rows(name: string) {
    return (await engineOf(name)).read.counts.all()
  },
  async close(name: string) {
    await engines.get(name)?.close()
    engines.delete(name)
  },
}
window.own = own
