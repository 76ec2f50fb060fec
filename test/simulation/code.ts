import { current, inWorld, world } from './world.ts'

/** Every `import()` of the library comes here (build.mjs): the browser may refuse to fetch the code. */

/** What each has fetched: the browser keeps it. */
const had = new WeakMap<object, Set<string>>()

/** The browser keeps this file for it. */
export const hasFetched = (actor: object, file: string): boolean => !!had.get(actor)?.has(file)

/** Stands for every `import()` of the library (build.mjs). */
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
