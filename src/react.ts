import { useEffect, useMemo, useRef, useSyncExternalStore } from 'react'
import type { Engine, Status } from './engine/types.ts'
import type { ReadModel } from './model/model.ts'

/**
 * Reads from the engine and renders again when what was selected changed.
 * @example
 * const open = useRead(engine, (read) => read.todos.by('done', false))
 * const titles = useRead(engine, (read) => read.todos.all().map((todo) => todo.title))
 *
 * `select` may be written inline and build arrays or plain objects: its result is remembered per `read` object, and the last one is kept
 * while the new one is equal: by `Object.is`, or member by member one level deep. The first value is there in the first render.
 * What `select` throws, the component throws.
 */
export function useRead<P, T>(engine: Engine<any, P, any>, select: (read: ReadModel<P>) => T): T {
  // An inline selector is another function in each render: this carries the result from one to the next.
  const rendered = useRef<{ readonly value: T }>(undefined)
  const snapshot = useMemo(() => {
    let last = rendered.current
    let lastRead: ReadModel<P> | undefined
    return (): T => {
      const { read } = engine
      if (!last || read !== lastRead) {
        const value = select(read)
        if (!last || !isEqual(last.value, value)) last = { value }
        lastRead = read
      }
      return last.value
    }
  }, [engine, select])
  const value = useSyncExternalStore(engine.subscribe, snapshot, snapshot)
  useEffect(() => {
    rendered.current = { value }
  }, [value])
  return value
}

/**
 * The engine's `status`; renders again with each change of it.
 * @example
 * const { state, pending } = useStatus(engine)
 */
export function useStatus<P>(engine: Engine<any, P, any>): Status<P> {
  const snapshot = (): Status<P> => engine.status
  return useSyncExternalStore(engine.subscribe, snapshot, snapshot)
}

function isEqual(a: any, b: any): boolean {
  if (Object.is(a, b)) return true
  if (!isMembers(a) || !isMembers(b) || Array.isArray(a) !== Array.isArray(b)) return false
  const keys = Object.keys(a)
  return (
    keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && Object.is(a[key], b[key]))
  )
}

const isMembers = (value: unknown): boolean =>
  Array.isArray(value) ||
  (typeof value === 'object' && !!value && [Object.prototype, null].includes(Object.getPrototypeOf(value)))
