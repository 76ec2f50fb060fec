import { part as fetched, type Part } from 'tidemark/load'
import { current } from './world.ts'

/** The library's loading of its parts. Each tab and worker has its own, though all of them share one bundle. */

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
