import { createListeners, type Listeners } from 'tidemark/async'
import { current } from './world.ts'

/** The listeners for the persistence of the storage. Each tab has its own, which end with the tab, as in a browser. */

const ofActors = new WeakMap<object, Listeners>()
const own = (): Listeners => {
  const actor = current()
  const mine = ofActors.get(actor) ?? createListeners()
  ofActors.set(actor, mine)
  return mine
}

export const storageChanged: Listeners = {
  add: (listener) => own().add(listener),
  tell: () => own().tell(),
  get size() {
    return own().size
  },
}
