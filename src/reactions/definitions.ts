import type { AnyDefinition } from './types.ts'

/** The definition of each reaction. */
export const definitions: WeakMap<object, AnyDefinition> = new WeakMap()

/** Lists the reactions among the values of an object or a module, with their names. */
export const definitionsIn = (reactions: object): [name: string, definition: AnyDefinition][] =>
  Object.entries(reactions).flatMap(([name, value]) => {
    const definition = definitions.get(value)
    return definition ? [[name, definition] as const] : []
  })
