import type { Json } from '../data.ts'
import type { OpenDrafts } from '../drafts/types.ts'
import { openDraftsOf } from '../engine/drafts.ts'
import { ModelError } from '../errors.ts'
import type { StoredEvent } from '../model/events.ts'
import { copyJson, deepFreeze } from '../model/json.ts'
import { type AnyModel, commandReadOf, createContext, decide, readOf } from '../model/model.ts'
import { definitions } from '../reactions/definitions.ts'
import { reactionKeyOf } from '../reactions/entry.ts'
import type { History } from './foldedHistory.ts'

/** Replaces, in a test, what a reaction gets from a browser. */
export interface ReactionFakes {
  /** The handler that is called. `'run'` by default. */
  readonly handler?: 'run' | 'lost' | 'failed' | undefined
  /** The reason why the event failed, for the handler `failed`. */
  readonly error?: Error | undefined
  /** The result of `context()`, or a function that gives it. Without it, `context()` throws. */
  readonly context?: Json | (() => Promise<Json>) | undefined
  /** The number of the attempt. 1 by default. */
  readonly attempt?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** The result of one attempt of a reaction. */
export interface Reacted<New> {
  /** The events that its dispatches appended, in order. */
  readonly events: readonly New[]
  /** Whether a dispatch with `settles` has settled the event, or the handler has resolved. */
  readonly settled: boolean
  /** What the handler threw. */
  readonly error?: unknown
  readonly lane: string
  /** The result of `after`. */
  readonly after?: number | Date
}

/** Calls a handler for the last event of a history. */
export async function callHandler(
  model: AnyModel,
  history: History,
  reaction: object,
  event: { readonly type: string; readonly data: unknown },
  now: number,
  fakes: ReactionFakes = {},
): Promise<Reacted<unknown>> {
  const definition = definitions.get(reaction)
  if (!definition) throw new ModelError('reacts: the first argument is not what reaction() returned')
  if (!definition.on.includes(event.type)) throw new ModelError(`reacts: this reaction is not on "${event.type}"`)
  const { handler = 'run', attempt = 1, error = new Error('It failed.'), context } = fakes
  const over = new AbortController()
  const signal = fakes.signal ?? new AbortController().signal
  const drafts: OpenDrafts | undefined = openDraftsOf(model, { name: 'given', ended: over.signal, logId: 'given' })
  const appended: StoredEvent[] = []
  let settled = false
  let ids = 0

  const send = async (name: string, input: unknown, { settles = false } = {}): Promise<unknown> => {
    signal.throwIfAborted()
    const deletion = drafts?.withDeletion(undefined)
    const given = deepFreeze(copyJson(input, `command "${name}"`))
    const stored = decide(
      model,
      name,
      commandReadOf(history.resident),
      given,
      createContext(now, () => `id-${++ids}`),
    )
    history.fold(stored, now)
    appended.push(...stored)
    deletion?.keep?.()
    settled ||= settles
    return { commandId: 'given', sequence: history.sequence, events: stored, duplicate: false }
  }
  const recorded = deepFreeze({ ...event, sequence: history.sequence, at: now, commandId: 'given' })
  const run = {
    event: recorded,
    read: readOf(history.resident),
    dispatch: new Proxy(
      {},
      { get: (_, name) => (input: unknown, options?: { settles?: boolean }) => send(String(name), input, options) },
    ),
    drafts: drafts?.byName ?? {},
    key: reactionKeyOf({ reaction: 'given', event: recorded, index: 0 }),
    signal,
    attempt,
    error,
    context: async () => {
      if (context === undefined) throw new ModelError('reacts: this reaction asks for context, and the fakes have none')
      return typeof context === 'function' ? context() : context
    },
  }
  const lane = String(definition.lane?.(recorded) ?? '')
  const after = definition.after?.(recorded)
  // The name of the handler is known only here, so its type is not.
  const handle = definition[handler] as ((run: object) => unknown) | undefined
  if (!handle) throw new ModelError(`reacts: this reaction has no "${handler}"`)
  const outcome = { events: appended, lane, ...(after !== undefined && { after }) }
  try {
    await handle(run)
    return { ...outcome, settled: true }
  } catch (thrown) {
    return { ...outcome, settled, error: thrown }
  } finally {
    over.abort()
  }
}
