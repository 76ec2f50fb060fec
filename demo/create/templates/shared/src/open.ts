import { CommandRejected, type EngineOf, openEngine } from 'tidemark'
import { undoStack } from 'tidemark/tools'
import { events, messages, shopping } from './shopping.ts'

export type ShoppingEngine = EngineOf<typeof shopping>

/** Opens the list. Its rows are there when the promise resolves. */
export const openShopping = (): Promise<ShoppingEngine> =>
  openEngine(shopping, {
    worker: () => new SharedWorker(new URL('./shopping.worker.ts', import.meta.url), { type: 'module' }),
  })

/** What takes each command back. */
export const undoShopping = (engine: ShoppingEngine) =>
  undoStack(engine, {
    add: ({ events: [added] }) => (added?.type === 'itemAdded' ? events.itemRemoved({ id: added.data.id }) : undefined),
    setBought: ({ input: { id, bought } }) => (bought ? events.itemPutBack({ id }) : events.itemBought({ id })),
    remove: ({ input: { id }, before }) => {
      const item = before.items.get(id)
      if (!item) return
      const added = events.itemAdded({ id, name: item.name })
      return item.bought ? [added, events.itemBought({ id })] : added
    },
  })

/** The text for the user if a command was refused. Any other error is thrown on. */
export const messageOf = (error: unknown): string => {
  if (error instanceof CommandRejected) return messages[error.code] ?? error.code
  throw error
}
