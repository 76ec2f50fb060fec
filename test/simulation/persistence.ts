import { createListeners, type Listeners } from 'tidemark/async'
import { current } from './world.ts'

/** Who is told of the storage's persistence. Each tab has its own module, which a real page takes along when it is killed. */

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
