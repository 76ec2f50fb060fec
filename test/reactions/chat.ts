import { defineEvents, defineModel, event, projection, reject, table } from 'tidemark'

export interface Turn {
  id: string
  thread: string
  state: 'requested' | 'finished' | 'interrupted' | 'failed' | 'stopped'
  text: string
}

export const events = defineEvents({
  turnRequested: event<{ id: string; thread: string }>(),
  turnFinished: event<{ id: string; text: string }>(),
  turnInterrupted: event<{ id: string }>(),
  turnFailed: event<{ id: string; reason: string }>(),
  turnStopped: event<{ id: string }>(),
  noted: event<{ text: string }>(),
})

/** A new model each time, because a new model opens a new engine, like another tab. A turn that ended can't end again. */
export const chatApp = (version = 1) => {
  const turns = projection(events, {
    version,
    into: table<Turn>('id'),
    evolve: {
      turnRequested: (_, { data }) => ({ ...data, state: 'requested', text: '' }),
      turnFinished: (turn, { data }) => turn && { ...turn, state: 'finished', text: data.text },
      turnInterrupted: (turn) => turn && { ...turn, state: 'interrupted' },
      turnFailed: (turn, { data }) => turn && { ...turn, state: 'failed', text: data.reason },
      turnStopped: (turn) => turn && { ...turn, state: 'stopped' },
    },
  })
  type Read = { readonly turns: { get(id: string): Turn | undefined } }
  const ofOpen = <T>(read: Read, id: string, event: T): T =>
    read.turns.get(id)?.state === 'requested' ? event : reject('turn-not-open', { id })
  return defineModel({
    name: 'chat',
    events,
    projections: { turns },
    commands: {
      requestTurn: (_, { id, thread = 'main' }: { id: string; thread?: string }) =>
        events.turnRequested({ id, thread }),
      requestTurns: (_, { ids, thread }: { ids: string[]; thread: string }) =>
        ids.map((id) => events.turnRequested({ id, thread })),
      finishTurn: (read, { id, text }: { id: string; text: string }) =>
        ofOpen(read, id, events.turnFinished({ id, text })),
      interruptTurn: (read, { id }: { id: string }) => ofOpen(read, id, events.turnInterrupted({ id })),
      failTurn: (read, { id, reason }: { id: string; reason: string }) =>
        ofOpen(read, id, events.turnFailed({ id, reason })),
      stopTurn: (read, { id }: { id: string }) => ofOpen(read, id, events.turnStopped({ id })),
      note: (_, { text }: { text: string }) => events.noted({ text }),
      notes: (_, { count }: { count: number }) =>
        Array.from({ length: count }, (_, i) => events.noted({ text: `${i}` })),
    },
  })
}
export type Chat = ReturnType<typeof chatApp>
