import { sleep } from '../async.ts'
import { lockName } from '../locks.ts'
import type { ReactionReport } from '../log/channel.ts'
import { fromWire } from '../log/wire.ts'
import { reachHolder } from '../projections/reachHolder.ts'
import type { Core } from './core.ts'

/** The shortest time between two questions whether the holder is awake, in milliseconds. */
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
 * Keeps a tab informed about its reactions until it ends. The holder is the page or worker that runs them. If this tab
 * is visible and the holder does not answer, because its page is frozen, `reachHolder` steals the holder's lock, and the
 * next page runs the reactions.
 */
export async function followReactions(core: Core): Promise<void> {
  const { ended, name, channel } = core
  core.hearReactions = (reports, scanned) => hearReactions(core, reports, scanned)
  channel?.post({ log: core.logId, asks: 'reactions' })
  if (!globalThis.navigator?.locks) return
  let shouldAsk = true
  const askSoon = (): void => {
    shouldAsk = true
  }
  const stopListening = core.listeners.add(() => {
    // Events were appended that the holder has not reported yet.
    if (core.head > (core.reacted ?? 0)) shouldAsk = true
  })
  const events = ['focus', 'pageshow', 'visibilitychange'] as const
  for (const type of events) globalThis.addEventListener?.(type, askSoon, true)
  try {
    for (;;) {
      ended.throwIfAborted()
      if (shouldAsk && isLookedAt() && core.channel) {
        shouldAsk = false
        if ((await reachHolder(name, core.logId, core.channel, ended)) === 'stolen' && core.worker !== 'shared')
          // The frozen page may run the pipeline too. If the pipeline's lock is stolen, the next page in the queue starts
          // a pipeline.
          await navigator.locks.request(lockName('pipeline', name), { steal: true }, () => {})
      }
      await sleep(ASK_EVERY_MS, ended)
    }
  } finally {
    stopListening()
    for (const type of events) globalThis.removeEventListener?.(type, askSoon, true)
  }
}

const isLookedAt = (): boolean => (globalThis.document?.visibilityState ?? 'visible') === 'visible'
