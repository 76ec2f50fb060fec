import { part as fetched, type Part } from 'tidemark/load'
import { current } from './world.ts'

/** How the library loads its parts. Each tab and worker has its own copy of this module, though all share one bundle. */

export * from 'tidemark/load'

export function part<T>(name: string, fetch: () => Promise<T>): Part<T> {
  const parts = new WeakMap<object, Part<T>>()
  const own = (): Part<T> => {
    const actor = current()
    let mine = parts.get(actor)
    if (!mine) parts.set(actor, (mine = fetched(name, fetch)))
    return mine
  }
  return {
    get loaded() {
      return own().loaded
    },
    load: (signal) => own().load(signal),
    keepLoading: (signal, failed) => own().keepLoading(signal, failed),
  }
}
