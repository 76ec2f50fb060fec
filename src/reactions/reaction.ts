import { runner } from '../engine/reactions.ts'
import { ModelError } from '../errors.ts'
import { type EventTypes, eventTypes } from '../model/events.ts'
import type { Model } from '../model/model.ts'
import { definitions } from './definitions.ts'
import { runReactions } from './runReactions.ts'
import type { AnyDefinition, Reaction, ReactionDefinition } from './types.ts'

/**
 * Declares work that events cause outside the log. It runs in the SharedWorker, or in one page where there is none.
 * @example
 * ```ts
 * // todos.reactions.ts
 * import { reaction } from 'tidemark/reactions'
 * import { todoApp } from './todos.ts'
 *
 * export const announce = reaction(todoApp, {
 *   on: ['todoAdded'],
 *   from: 'now',
 *   async run({ event, dispatch, key, signal }) {
 *     const headers = { 'idempotency-key': key }
 *     const response = await fetch('/announce', { method: 'POST', body: event.data.title, headers, signal })
 *     if (!response.ok) throw new Error(`/announce answered ${response.status}`)
 *     await dispatch.toggle({ id: event.data.id }, { settles: true })
 *   },
 * })
 * ```
 *
 * The log is the outbox: an event is stored before its reaction starts, and settled after it. `run` is called at least once for each event, so
 * send `key` as the idempotency key of a call outside. What `run` dispatches is appended once, however often `run` is called. Pass it to
 * `hostProjections(todoApp, { reactions: { announce } })` and `openEngine(todoApp, { reactions: () => import('./todos.reactions.ts') })`:
 * the name there is its identity. Throws `ModelError` if the definition is wrong.
 */
export function reaction<E extends EventTypes, P, C, D, const T extends keyof E & string>(
  model: Model<E, P, C, D>,
  definition: ReactionDefinition<E, P, C, D, T>,
): Reaction<E, P, C, D, T> {
  // The public types describe the author's events; the runtime handles any.
  const any = definition as unknown as AnyDefinition
  checkReaction(model, any)
  const made = Object.freeze({ [runner]: runReactions })
  definitions.set(made, any)
  return made
}

function checkReaction(
  model: Model<any, any, any, any>,
  { on, from, run, retry, concurrency = 1, cancel = {} }: AnyDefinition,
): void {
  const refuse = (what: string): never => {
    throw new ModelError(`reaction: ${what}`)
  }
  const types = eventTypes(model?.events)
  if (!types) refuse('the first argument is not what defineModel returned')
  if (!Array.isArray(on) || !on.length) refuse('`on` names the types of its events')
  for (const type of [...on, ...Object.keys(cancel)])
    if (!types.knows(type, 1)) refuse(`"${model.name}" has no event "${type}"`)
  if (from !== 'now' && from !== 'start') refuse("`from` is 'now' or 'start'")
  if (typeof run !== 'function') refuse('`run` is not a function')
  for (const number of [concurrency, retry?.tries ?? 1, retry?.delay ?? 1])
    if (!(number >= 1)) refuse('`concurrency`, `retry.tries` and `retry.delay` are numbers from 1')
}
