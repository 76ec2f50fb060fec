import type { ThreadsEngine } from '../engine.ts'
import { filesOf, type ImportedThread } from '../model/threadsApp.ts'
import { generateThreads } from './generate.ts'
import { topics } from './topics.ts'

/** Turns per command: about a thousand events, which hold the page for less than 50 ms. */
const TURNS_PER_COMMAND = 600

interface FillOptions {
  readonly signal?: AbortSignal
  /** Called with the number of threads in the log. */
  readonly onProgress?: (done: number) => void
  /** The same seed and `now` give the same threads. Without both, the threads differ each time. */
  readonly seed?: number
  /** Milliseconds since 1970, when the last thread happened. */
  readonly now?: number
}

/** Appends threads that look real. */
export async function fillWorkspace(
  engine: ThreadsEngine,
  count: number,
  { signal, onProgress, now = Date.now(), seed = (now % 2 ** 31) | 0 }: FillOptions = {},
): Promise<void> {
  for (const { id, name, files } of topics) await engine.dispatch.createProject({ id, name, files: [...files] })
  const generated = generateThreads(count, {
    seed,
    now,
    filesOf: (topic) => filesOf(engine.read, topic.id),
  })
  let batch: ImportedThread[] = []
  let turns = 0
  let done = 0
  /** The next threads are generated while the last ones are written. */
  let writing = Promise.resolve()
  const append = async (): Promise<void> => {
    await writing
    signal?.throwIfAborted()
    const threads = batch
    batch = []
    turns = 0
    writing = engine.dispatch.importThreads({ threads }).then(() => {
      done += threads.length
      onProgress?.(done)
    })
    writing.catch(() => {})
    await nextTask()
  }
  for (const { topic: _, ...thread } of generated) {
    batch.push(thread)
    turns += thread.turns.length
    if (turns >= TURNS_PER_COMMAND) await append()
  }
  if (batch.length > 0) await append()
  await writing
}

/** Lets the page render and handle input. */
const nextTask = (): Promise<void> =>
  new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      port1.close()
      resolve()
    }
    port2.postMessage(null)
  })
