import type { readReactions } from '../engine/tools/deadLetters.ts'
import type { OpenEvent } from '../log/stores.ts'
import { plural, time } from './format.ts'

const HANDLERS = { run: '', lost: ' of `lost`', failed: ' of `failed`' } as const

/** The stored state of one reaction. */
export interface StoredReaction {
  readonly name: string
  /** The sequence of the last event that it has examined. undefined if it has stored none. */
  readonly scanned: number | undefined
  readonly version: number | undefined
  readonly open: readonly OpenEvent[]
}

/** Every reaction that reported to this tab or has records in the store, by its name. */
export function storedReactions(
  names: readonly string[],
  { positions, open }: Awaited<ReturnType<typeof readReactions>>,
): readonly StoredReaction[] {
  const all = new Set([...names, ...positions.keys(), ...open.map(({ reaction }) => reaction)])
  return [...all].sort().map((name) => {
    const { scanned, version } = positions.get(name) ?? {}
    return { name, scanned, version, open: open.filter(({ reaction }) => reaction === name) }
  })
}

/** Describes what an open event waits for. */
export function waitOf({ dead, running, until, due, handler, attempts }: OpenEvent, now: number): string {
  const attempt = `attempt ${attempts + 1}${HANDLERS[handler]}`
  if (dead) return attempts ? `dead after ${plural(attempts, 'attempt')}${HANDLERS[handler]}` : 'dead'
  if (running) return `${attempt} is under way`
  if (until > now) return `${attempt} at ${time(until)}`
  if (due > now) return `due at ${time(due)}`
  return `${attempt} is next in its lane`
}
