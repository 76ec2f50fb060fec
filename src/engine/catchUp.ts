import { sleep } from '../async.ts'
import { StorageError } from '../errors.ts'
import { pause, SLICE_MS } from '../slices.ts'
import { applyCommit, rebase, type Tab } from './tab.ts'
import { takeOver } from './takeOver.ts'

/** Failed reads in a row before the caller is told: a connection may be lost in the middle of one. A fault that lasts is read once a try. */
const CATCH_UP_READS = 3
/** Milliseconds before the second read; the third waits four times as long. */
const READ_AGAIN_MS = 20

/**
 * Reads the log behind the head and applies it, in slices. Boot's tail, a lost race, another tab's commit, a thaw: all
 * come here. Resolves only when the tab is at the head that the log had at the call. Rejects with what kept it from that:
 * `StorageError`, or `CorruptLog`, `OutdatedCodeError`, `ModelError`, `EngineClosed`, or the signal's reason.
 */
export async function catchUp(tab: Tab, signal?: AbortSignal, progress?: (head: number) => void): Promise<void> {
  tab.catchingUp = true
  try {
    for (let reads = tab.trouble ? CATCH_UP_READS : 1; ; reads++) {
      try {
        tab.behind = false
        await readBatches(tab, signal, progress)
        return
      } catch (error) {
        tab.behind = true
        // A part of the code that can't be loaded was tried often enough.
        const mayPass = error instanceof StorageError && error.kind !== 'unavailable'
        if (!mayPass || reads === CATCH_UP_READS || signal?.aborted) throw error
      }
      await sleep(READ_AGAIN_MS * reads ** 2, signal)
    }
  } finally {
    tab.catchingUp = false
  }
}

async function readBatches(
  tab: Tab,
  signal: AbortSignal | undefined,
  progress: ((head: number) => void) | undefined,
): Promise<void> {
  // A pipeline follows by itself.
  const empty = tab.head === 0 && !tab.turns
  if (empty) await takeOver(tab)
  let isLast = false
  const ends = (): void => {
    // Of what else has to be read, others know.
    isLast = !empty && !tab.layer
  }
  for await (const records of tab.log.readAfter(tab.head, signal, true, ends)) {
    for (let at = 0; at < records.length; ) {
      signal?.throwIfAborted()
      const until = performance.now() + SLICE_MS
      rebase(tab, () => {
        do applyCommit(tab, records[at++]!)
        while (at < records.length && performance.now() < until)
        // With the last rows, so that subscribers are told once.
        if (isLast && at === records.length) tab.trouble = undefined
      })
      if (at < records.length) await pause()
    }
    progress?.(tab.head)
  }
  // The log may have been imported just now.
  if (empty && tab.head) await takeOver(tab)
}
