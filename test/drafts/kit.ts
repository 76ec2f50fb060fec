import { defineEvents, defineModel, event, type OpenOptions, openEngine, projection, reject, table } from 'tidemark'
import { draft } from 'tidemark/drafts'
import { atEnd } from '../engine/kit.ts'
import { inDatabase } from '../log/storage.ts'

interface Message {
  id: string
  text: string
}

export interface ChatApp {
  /** Called for each decision of `add`, with the read model of the command. */
  deciding?: (read: object) => void
}

/** A new model each time, because a new model opens a new engine, like another tab. */
export const chat = ({ deciding }: ChatApp = {}) => {
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
      add: (read, message: Message) => {
        deciding?.(read)
        return events.messageAdded(message)
      },
      addOnce: ({ messages }, message: Message) =>
        messages.has(message.id) ? reject('taken') : events.messageAdded(message),
    },
    drafts: { reply: draft<{ threadId: string }>(), note: draft() },
  })
}

export type Chat = Awaited<ReturnType<typeof openChat>>
const openChat = (name: string, app: ChatApp, options: OpenOptions) => openEngine(chat(app), { name, ...options })

/** Opens a tab, which is closed when the test ends. */
export async function chatTab(name: string, options: OpenOptions = {}, app: ChatApp = {}): Promise<Chat> {
  const engine = await openChat(name, app, options)
  atEnd(() => engine.close())
  return engine
}

/** Stores the pieces of a draft as a page leaves them that crashed. */
export const leftBehind = (name: string, id: string, ...pieces: string[]): Promise<unknown> =>
  inDatabase(name, (store) => {
    const [text = '', ...more] = pieces
    let offset = text.length
    const one = { id, epoch: 'gone' }
    store('drafts').put({ ...one, offset: 0, text, header: { threadId: 't' } }, [0, 'reply', id, 'gone'])
    for (const piece of more) {
      store('drafts').put({ ...one, offset, text: piece }, [1, 'reply', id, 'gone', offset])
      offset += piece.length
    }
  })
