import { type Actor, current, type World } from './world.ts'

/** Answers the calls of reactions. Any step may bring an answer or an error. */

export interface Asked {
  /** The idempotency key. */
  readonly key: string
  /** The turn. */
  readonly id: string
  readonly lane: string
  readonly signal: AbortSignal
}
/** A call that is not answered yet. */
interface Call extends Asked {
  readonly actor: Actor
  readonly answer: (text: string | Error) => void
}

export interface ProviderOptions {
  /** The most lanes in which one holder works at the same time. */
  readonly concurrency: number
  /** Virtual milliseconds until the answer. undefined: any step may bring it. */
  readonly takes?: readonly [least: number, more: number] | undefined
}

export interface Provider {
  ask(asked: Asked): Promise<string>
  /** Calls without an answer. */
  readonly waiting: number
}

export function createProvider(w: World, { concurrency, takes }: ProviderOptions): Provider {
  const { random } = w
  const calls = new Set<Call>()
  const answer = (call: Call): void =>
    call.answer(random.chance(0.2) ? new Error('429') : `words ${random.below(1000)}`)
  w.sources.push((add) => {
    for (const call of calls) {
      if (!call.actor.alive) calls.delete(call)
      else if (!takes) add({ key: 'provider', label: 'the provider', run: () => answer(call) })
    }
  })
  return {
    get waiting() {
      return calls.size
    },
    ask(asked) {
      const actor = current()
      const { key, id, lane, signal } = asked
      const mine = [...calls].filter((call) => call.actor === actor && !call.signal.aborted)
      if (mine.some((call) => call.lane === lane)) w.fail(`rule 4: ${actor.name} answers two turns of ${lane} at once`)
      if (mine.length >= concurrency) w.fail(`rule 4: ${actor.name} works in ${mine.length + 1} lanes at once`)
      w.say(() => `asks for ${id} by ${key}`, actor)
      return new Promise((resolve, reject) => {
        const call: Call = {
          ...asked,
          actor,
          answer: (text) => {
            calls.delete(call)
            w.post(actor, 'provider', 'the provider answers', () =>
              typeof text === 'string' ? resolve(text) : reject(text),
            )
          },
        }
        calls.add(call)
        if (takes) setTimeout(() => calls.has(call) && answer(call), takes[0] + random.below(takes[1]))
        signal.addEventListener('abort', () => {
          calls.delete(call)
          reject(signal.reason)
        })
      })
    },
  }
}
