import { type EngineOf, type OpenOptions, openEngine } from 'tidemark'
import { app } from './model.ts'

/** A page that opens a log, fills it, and mounts the devtools when it is asked to. */
const page = {
  engine: undefined as EngineOf<ReturnType<typeof app>> | undefined,
  async open(name: string, poison?: string, options: OpenOptions = {}) {
    const engine = await openEngine(app(poison), {
      name,
      worker: () => new SharedWorker(new URL('./worker.ts', import.meta.url), { type: 'module' }),
      ...options,
    })
    page.engine = engine
    return engine
  },
  /** `count` events in commits of 1,000, of `rows` rows. */
  async fill(count: number, rows: number) {
    const { engine } = page
    for (let from = engine!.status.sequence; from < count; from += 1000)
      await engine!.dispatch.fill({ from, count: Math.min(1000, count - from), rows })
    await engine!.projected()
  },
  async mount() {
    const { mountDevtools } = await import('tidemark/devtools')
    return mountDevtools(page.engine!, { open: true })
  },
}
Object.assign(globalThis, { page })
document.title = 'ready'
