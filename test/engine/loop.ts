import { defineEvents, defineModel, event, projection, reject, value } from 'tidemark'
import { createCore } from '../../src/engine/core.ts'
import { dispatch } from '../../src/engine/dispatch.ts'
import type { Pending, Phase, Tries } from '../../src/engine/pending.ts'
import type { Tab } from '../../src/engine/tab.ts'
import type { AnyModel } from '../../src/model/model.ts'

const events = defineEvents({ counted: event<{ by: number }>() })
const model = defineModel({
  name: 'loop',
  events,
  projections: { sum: projection(events, { into: value(0), evolve: { counted: (sum, { data }) => sum + data.by } }) },
  commands: {
    count: (_, { by = 1 }: { by?: number } = {}) => events.counted({ by }),
    refuse: () => reject('no'),
    nothing: () => undefined,
  },
})

export interface Loop {
  readonly tab: Tab & { readonly read: { readonly sum: { readonly value: number } } }
  /** How often subscribers were told. */
  readonly told: () => number
  /** How each command ended, by its number; undefined while it is pending. */
  readonly outcomes: unknown[]
  /** Dispatches and gives the pending command. */
  send(name: 'count' | 'refuse' | 'nothing', commandId?: string): Pending
}

/** A tab without a database, whose loop does not run by itself. */
export function loop(): Loop {
  const core = createCore(model as unknown as AnyModel, 'loop', false, () => new Promise(() => {}))
  // The test is the loop.
  core.pump = () => {}
  let told = 0
  core.listeners.add(() => told++)
  const outcomes: unknown[] = []
  return {
    tab: core as unknown as Loop['tab'],
    told: () => told,
    outcomes,
    send(name, commandId) {
      const n = outcomes.push(undefined) - 1
      dispatch(core, { meta: undefined, open: 0 }, name, {}, { commandId }).then(
        (receipt) => (outcomes[n] = receipt),
        (error) => (outcomes[n] = error),
      )
      return core.pending.at(-1)!
    },
  }
}

export const put = (pending: Pending, phase: Phase, tries: Partial<Tries> = {}): Pending => {
  pending.phase = phase
  pending.tries = { ...pending.tries, ...tries }
  return pending
}
