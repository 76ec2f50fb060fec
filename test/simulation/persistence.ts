import { createListeners, type Listeners } from 'tidemark/async'
import { current } from './world.ts'

/** The listeners for the persistence of the storage. Each tab has its own module, which ends with a real page that is killed. */

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
