import { draftsUntil } from '../drafts/draftsUntil.ts'
import type { OpenEvent } from '../log/stores.ts'
import { fromWire, toWire } from '../log/wire.ts'
import type { RunningAttempt } from './activeReaction.ts'
import { askPages } from './askPages.ts'
import { reactionKeyOf } from './entry.ts'
import type { HolderPlace } from './place.ts'
import type { AnyDefinition, ReactionDispatchOptions } from './types.ts'

/** The sequence from which the rows show the event. 0 for an event that waits for the remote: no rows show it yet. */
export const shownAt = ({ local, event }: OpenEvent): number => (local ? 0 : event.sequence)

/**
 * Calls the handler of an open event, and resolves or rejects as the handler does. The id of each dispatch consists of the event's key, the
 * handler, the command's name and its count in this attempt, so the next attempt finds the commands that this attempt has appended.
 */
export async function attempt(
  place: HolderPlace,
  definition: AnyDefinition,
  open: OpenEvent,
  running: RunningAttempt,
): Promise<void> {
  const { signal } = running.abort
  const { handler, event, reaction, index, depth, attempts } = open
  const key = reactionKeyOf(open)
  const counts = new Map<string, number>()

  const send = async (name: string, input: unknown, given: ReactionDispatchOptions = {}): Promise<unknown> => {
    signal.throwIfAborted()
    const { settles, ...options } = given
    const count = (counts.get(name) ?? 0) + 1
    counts.set(name, count)
    const commandId = `${key}:${handler}:${name}:${count}`
    if (settles) running.settling.add(commandId)
    const receipt = await place.dispatch(
      name,
      input,
      { signal, ...options, commandId },
      {
        cause: { reaction, commandId: event.commandId, depth, ...(settles && { settles: index }) },
        extra: settles ? place.store.settledInside(open, commandId) : undefined,
      },
    )
    if (settles) running.isOver = true
    return receipt
  }
  const commands = new Proxy<Record<string, unknown>>(Object.create(null), {
    get: (_, name) =>
      typeof name !== 'string' || name === 'then' || name === 'toJSON'
        ? undefined
        : (input: unknown, options?: ReactionDispatchOptions) => send(name, input, options),
  })
  const read = await place.readAt(shownAt(open))
  signal.throwIfAborted()
  const over = new AbortController()
  const leave = (): void => over.abort(signal.reason)
  signal.addEventListener('abort', leave, { once: true, signal: over.signal })
  const run = {
    event,
    read,
    dispatch: commands,
    drafts: draftsUntil(place.drafts, over.signal),
    key,
    signal,
    attempt: attempts + 1,
    context: () => askPages(place.pages, signal),
    error: handler === 'failed' ? fromWire(open.error ?? toWire(new Error('It failed.'))) : undefined,
  }
  // The definition's types name each handler's own arguments; `run` has those of all.
  const handle = definition[handler] as ((run: object) => unknown) | undefined
  try {
    await handle?.(run)
  } finally {
    // A draft that the handler has not ended is abandoned.
    leave()
  }
}
