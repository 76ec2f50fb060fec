import type { AnyDefinition } from './types.ts'

/** What each reaction was declared with. */
export const definitions: WeakMap<object, AnyDefinition> = new WeakMap()

/** The reactions of an object or a module, by their names. */
export const definitionsIn = (reactions: object): [name: string, definition: AnyDefinition][] =>
  Object.entries(reactions).flatMap(([name, value]) => {
    const definition = definitions.get(value)
    return definition ? [[name, definition] as const] : []
  })
