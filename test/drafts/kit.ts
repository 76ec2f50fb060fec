import { defineEvents, defineModel, event, type OpenOptions, openEngine, projection, reject, table } from 'tidemark'
import { draft } from 'tidemark/drafts'
import { atEnd } from '../engine/kit.ts'

interface Message {
  id: string
  threadId: string
  text: string
}

/** Another object each time: another model is another engine, like another tab. */
export const chat = () => {
  const events = defineEvents({ messageAdded: event<Message>() })
  const messages = projection(events, {
    into: table<Message>('id'),
    evolve: { messageAdded: (_, { data }) => data },
  })
  return defineModel({
    name: 'chat',
    events,
    projections: { messages },
    commands: {
      add: (_, message: Message) => events.messageAdded(message),
      addOnce: ({ messages }, message: Message) =>
        messages.has(message.id) ? reject('taken') : events.messageAdded(message),
      nothing: (_, __: undefined) => undefined,
    },
    drafts: { reply: draft<{ threadId: string }>(), note: draft() },
  })
}

export type Chat = Awaited<ReturnType<typeof openChat>>
const openChat = (name: string, options: OpenOptions) => openEngine(chat(), { name, ...options })

/** A tab that is closed when the test ends. */
export async function chatTab(name: string, options: OpenOptions = {}): Promise<Chat> {
  const engine = await openChat(name, options)
  atEnd(() => engine.close())
  return engine
}
