import { type OpenOptions, openEngine } from 'tidemark'
import { departures } from './departures.ts'

export const openDepartures = (options?: OpenOptions) =>
  openEngine(departures, {
    worker: () => new SharedWorker(new URL('./departures.worker.ts', import.meta.url), { type: 'module' }),
    ...options,
  })

export type DeparturesEngine = Awaited<ReturnType<typeof openDepartures>>
export type DeparturesRead = DeparturesEngine['read']
