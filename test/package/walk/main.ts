import { openEngine } from 'tidemark'
import { build } from './build.ts'
import { todoApp } from './todos.ts'

declare global {
  interface Window {
    connections: Set<IDBDatabase>
    walk: typeof walk
  }
}

const opening = openEngine(todoApp, {
  worker: () => new SharedWorker(new URL('./worker.ts', import.meta.url), { type: 'module' }),
})
opening.catch(() => {})

/** The functions that a test calls. Their results are JSON. */
const walk = {
  build,
  /** The result of opening: the rows, or the error. */
  async opened() {
    const engine = await opening
    return { state: engine.status.state, titles: engine.read.todos.all().map(({ title }) => title) }
  },
  async shown() {
    const { read, status } = await opening
    const titles = read.todos.all().map(({ title }) => title)
    return { titles, touched: read.touched.value, sequence: status.sequence, worker: status.worker }
  },
  async lastError() {
    const { lastError } = (await opening).status
    return (
      lastError && { name: lastError.name, kind: (lastError as { kind?: string }).kind, message: lastError.message }
    )
  },
  add: async (title: string) => (await (await opening).dispatch.add({ title })).sequence,
  touch: async (times: number, text = '') => (await (await opening).dispatch.touch({ times, text })).sequence,
  projected: async () => (await opening).projected(),
  /** Returns `'appended'`, or the kind of the error. The text is random, because the browser compresses its database. */
  async attempt(times: number, characters: number) {
    try {
      const bytes = crypto.getRandomValues(new Uint8Array(characters))
      await walk.touch(times, Array.from(bytes, (byte) => String.fromCharCode(32 + (byte % 90))).join(''))
      return 'appended'
    } catch (error) {
      return (error as { kind?: string }).kind ?? String(error)
    }
  },
}
window.walk = walk
