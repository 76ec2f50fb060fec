import type { Core } from '../engine/core.ts'
import type { Interceptor, Pending } from '../engine/pending.ts'
import { CommandRejected } from '../errors.ts'
import type { CommandContext } from '../model/model.ts'

/** The most commands that are kept. */
const COMMANDS_MAX = 500

/** A command that this tab dispatched after the panel was mounted. */
export interface SeenCommand {
  readonly id: string
  readonly name: string
  readonly input: unknown
  readonly context: CommandContext & { restart(): void }
  readonly meta: unknown
  /** Milliseconds since 1970. */
  readonly at: number
  /** The time of `performance.now()`. */
  readonly began: number
  ended?: number
  /** The sequence of the state on which it was last decided. */
  head: number
  events: number
  races: number
  state: 'pending' | 'done' | 'duplicate' | 'rejected' | 'failed'
  error?: unknown
}

export interface SeenCommands {
  /** Newest first. */
  readonly commands: readonly SeenCommand[]
  stop(): void
}

/** Keeps the commands of a tab. Calls `settled` after each that has settled; the engine itself tells of new ones. */
export function followCommands(core: Core, settled: () => void): SeenCommands {
  /** Oldest first, because a dispatch should pay little for the panel. */
  const commands: SeenCommand[] = []
  let newestFirst: readonly SeenCommand[] | undefined
  const pending = new Map<string, SeenCommand>()

  function see({ id, name, input, context, meta }: Parameters<Interceptor['decided']>[0]): SeenCommand {
    const seen: SeenCommand = {
      id,
      name,
      input,
      context,
      meta,
      at: context.now,
      began: performance.now(),
      head: core.head,
      events: 0,
      races: 0,
      state: 'pending',
    }
    pending.set(id, seen)
    commands.push(seen)
    if (commands.length > COMMANDS_MAX) commands.shift()
    newestFirst = undefined
    return seen
  }

  const interceptor: Interceptor = {
    owner: commands,
    decided(command, stored) {
      const seen = pending.get(command.id) ?? see(command)
      seen.head = core.tip
      if (stored) seen.events = stored.length
    },
    settled(command, outcome) {
      const seen = pending.get(command.id)
      pending.delete(command.id)
      if (!seen) return
      // A command of this tab is the pending one, which counts lost races.
      seen.races = (command as Partial<Pending>).tries?.races ?? 0
      seen.ended = performance.now()
      if ('error' in outcome) {
        seen.error = outcome.error
        seen.state = outcome.error instanceof CommandRejected ? 'rejected' : 'failed'
      } else seen.state = outcome.duplicate ? 'duplicate' : 'done'
      settled()
    },
  }
  for (const one of core.pending) see(one).events = one.decision.stored.length
  core.interceptors.add(interceptor)
  return {
    get commands() {
      newestFirst ??= commands.toReversed()
      return newestFirst
    },
    stop: () => void core.interceptors.delete(interceptor),
  }
}
