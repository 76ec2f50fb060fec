import { sleep } from '../async.ts'
import { lockName } from '../locks.ts'
import type { ReactionReport } from '../log/channel.ts'
import { fromWire } from '../log/wire.ts'
import { reachHolder } from '../projections/reachHolder.ts'
import type { Core } from './core.ts'

/** Milliseconds between two questions to the holder, at least, however often somebody needs it. */
const ASK_EVERY_MS = 5000

/** What a tab hears of the reactions of its log. */
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
 * Keeps a tab informed of its reactions until it ends. If somebody looks at the tab and the holder does not answer, because its page is
 * frozen, the tab takes the holder's place from it.
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
    // Something was appended that the holder has not told of yet.
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
          // Its page may run the pipeline, too. The next page that waits for that begins.
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
