import { aborting } from '../../async.ts'
import { NONE_YET } from '../../copies/reactions.ts'
import type { Database } from '../../log/database.ts'
import { askReactions, knownReactions } from '../../log/openReactions.ts'
import type { Core } from '../core.ts'

/** Milliseconds that the holder of the reactions has to look at the remaining events. A frozen page never does. */
const REACTIONS_MS = 15_000

/**
 * Waits until the reactions of this app have looked at the log up to `wanted`, and returns how far they are. Events that they have opened are
 * stored beside the log, so they may be archived. Events that they have not looked at may not. Reactions whose code is gone do not count.
 */
export async function waitForReactions(
  core: Core,
  database: Database,
  wanted: number,
  signal?: AbortSignal,
): Promise<number> {
  if (!core.reactions || !database.hasNewer) return wanted
  const until = performance.now() + REACTIONS_MS
  // Read anew each time, because it changes during the wait.
  const declared = (): readonly (readonly [string, { readonly state: string }])[] =>
    Object.entries(core.reactions ?? {})
  const isStopped = (): boolean => declared().some(([, { state }]) => state === 'stopped')
  while ((core.reacted ?? -1) < wanted && !isStopped() && performance.now() < until) {
    core.channel?.post({ log: core.logId, asks: 'reactions' })
    await aborting(core.nextChange(), signal)
  }
  const { positions, booted = wanted } = knownReactions(
    await database.transact(['reactions'], 'readonly', askReactions),
  )
  const lineage = database.log?.lineage
  const names = new Map(declared())
  const positionOf = (name: string, scanned: number): number =>
    names.get(name)?.state === 'stopped' ? scanned : Math.max(scanned, core.reacted ?? 0)
  const those = [...positions].filter(
    ([name, of]) => of.lineage === lineage && (!names.size || names.has(name) || name === NONE_YET),
  )
  const isBegun = those.length > 0 || isStopped() || (core.reacted ?? -1) >= wanted
  return Math.min(
    isBegun ? wanted : Math.min(wanted, booted),
    ...those.map(([name, { scanned }]) => positionOf(name, scanned)),
  )
}
