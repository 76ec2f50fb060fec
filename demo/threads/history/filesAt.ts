import { at, type Past } from 'tidemark/tools'
import type { Files } from '../assistant/apply.ts'
import type { ThreadsEngine } from '../engine.ts'
import { filesOf, type threadsApp } from '../model/threadsApp.ts'

type PastOfThreads = typeof threadsApp extends { events: infer _E; projections: infer P } ? Past<any, P> : never

/** One view of the past per engine. It keeps its folded state, so the next request is fast. */
const views = new WeakMap<ThreadsEngine, Promise<PastOfThreads>>()
/** Requests move the view, so they run one after the other. */
let last: Promise<unknown> = Promise.resolve()

/** The files of a project after the event at `sequence`. There are no checkpoints, so this folds the log up to that event. */
export function filesAt(engine: ThreadsEngine, sequence: number, projectId: string): Promise<Files> {
  const readFiles = async (): Promise<Files> => {
    const opening = views.get(engine) ?? (at(engine, sequence) as Promise<PastOfThreads>)
    views.set(engine, opening)
    opening.catch(() => views.delete(engine))
    const past = await opening
    await past.move(sequence)
    return filesOf(past.read, projectId)
  }
  const reading = last.then(readFiles)
  last = reading.catch(() => {})
  return reading
}
