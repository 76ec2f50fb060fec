import { current, inWorld, world } from './world.ts'

/** Every `import()` of the library calls this (build.mjs): the browser may refuse to fetch the code. */

/** The parts that each tab or worker has fetched, which the browser keeps. */
const had = new WeakMap<object, Set<string>>()

/** Whether the browser keeps this file for the tab or worker. */
export const hasFetched = (actor: object, file: string): boolean => !!had.get(actor)?.has(file)

/** Replaces every `import()` of the library (build.mjs). */
export function fetchCode<T>(file: string, evaluate: () => Promise<T>): Promise<T> {
  if (!inWorld()) return evaluate()
  const actor = current()
  const mine = had.get(actor) ?? new Set()
  had.set(actor, mine)
  if (mine.has(file)) return evaluate()
  const { post, strikes, hit, asked } = world()
  asked(actor, `code ${file}`)
  return new Promise((resolve, reject) =>
    post(
      actor,
      'code',
      () => `fetches ${file}`,
      () => {
        if (strikes('code', actor)) {
          hit('code not fetched')
          reject(new TypeError(`Failed to fetch dynamically imported module: ${file}`))
        } else {
          mine.add(file)
          resolve(evaluate())
        }
      },
    ),
  )
}
