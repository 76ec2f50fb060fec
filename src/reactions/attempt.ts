import { draftsUntil } from '../drafts/draftsUntil.ts'
import type { OpenEvent } from '../log/stores.ts'
import { fromWire, toWire } from '../log/wire.ts'
import { askPages } from './askPages.ts'
import { reactionKeyOf } from './entry.ts'
import type { HolderPlace } from './place.ts'
import type { AnyDefinition, ReactionDispatchOptions } from './types.ts'

/** The rows show the event from here on. Of an event that waits for the remote they show nothing yet. */
export const shownAt = ({ local, event }: OpenEvent): number => (local ? 0 : event.sequence)

/**
 * Calls the handler of an open event. Resolves or rejects as that does. The id of each dispatch is made of the event, the handler, the
 * command and how often that was dispatched, so the next attempt finds what this one has appended.
 */
export async function attempt(
  place: HolderPlace,
  definition: AnyDefinition,
  open: OpenEvent,
  signal: AbortSignal,
): Promise<void> {
  const { handler, event, reaction, depth, attempts } = open
  const key = reactionKeyOf(open)
  const counts = new Map<string, number>()

  const send = async (name: string, input: unknown, given: ReactionDispatchOptions = {}): Promise<unknown> => {
    signal.throwIfAborted()
    const { settles, ...options } = given
    const count = (counts.get(name) ?? 0) + 1
    counts.set(name, count)
    const commandId = `${key}:${handler}:${name}:${count}`
    return place.dispatch(
      name,
      input,
      { signal, ...options, commandId },
      {
        cause: { reaction, commandId: event.commandId, depth },
        extra: settles ? place.store.settledInside(open, commandId) : undefined,
      },
    )
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
  // One of the handlers of whatever names the reaction has.
  const handle = definition[handler] as ((run: object) => unknown) | undefined
  try {
    await handle?.(run)
  } finally {
    // What it has not ended is abandoned.
    leave()
  }
}
