import { sleep } from '../async.ts'
import { lockName } from '../locks.ts'
import type { ReactionReport } from '../log/channel.ts'
import { fromWire } from '../log/wire.ts'
import { reachHolder } from '../projections/reachHolder.ts'
import type { Core } from './core.ts'

/** The shortest time between two questions to the holder, in milliseconds. */
const ASK_EVERY_MS = 5000

/** Takes a report about the reactions of the log into the tab's status. */
export function hearReactions(core: Core, reports: Readonly<Record<string, ReactionReport>>, scanned: number): void {
  core.reacted = scanned
  core.reactions = Object.fromEntries(
    Object.entries(reports).map(([name, { error, ...report }]) => [
      name,
      { ...report, ...(error && { error: fromWire(error) }) },
    ]),
  )
  core.changed(false)
}

/**
 * Keeps a tab informed about its reactions until it ends. If the tab is visible and the holder does not answer, because
 * its page is frozen, the holder's lock is stolen, and the next page runs the reactions.
 */
export async function followReactions(core: Core): Promise<void> {
  const { ended, name, channel } = core
  core.hearReactions = (reports, scanned) => hearReactions(core, reports, scanned)
  channel?.post({ log: core.logId, asks: 'reactions' })
  if (!globalThis.navigator?.locks) return
  let isNeeded = true
  const need = (): void => {
    isNeeded = true
  }
  const stopListening = core.listeners.add(() => {
    // Events were appended that the holder has not reported yet.
    if (core.head > (core.reacted ?? 0)) isNeeded = true
  })
  const events = ['focus', 'pageshow', 'visibilitychange'] as const
  for (const type of events) globalThis.addEventListener?.(type, need, true)
  try {
    for (;;) {
      ended.throwIfAborted()
      if (isNeeded && isLookedAt() && core.channel) {
        isNeeded = false
        if ((await reachHolder(name, core.logId, core.channel, ended)) === 'stolen' && core.worker !== 'shared')
          // The frozen page may run the pipeline too. Stealing its lock lets the next page that waits for it start one.
          await navigator.locks.request(lockName('pipeline', name), { steal: true }, () => {})
      }
      await sleep(ASK_EVERY_MS, ended)
    }
  } finally {
    stopListening()
    for (const type of events) globalThis.removeEventListener?.(type, need, true)
  }
}

const isLookedAt = (): boolean => (globalThis.document?.visibilityState ?? 'visible') === 'visible'
