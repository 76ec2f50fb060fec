import { sleep } from '../async.ts'
import { StorageError } from '../errors.ts'
import { pause, SLICE_MS } from '../slices.ts'
import { applyCommit, rebase, type Tab } from './tab.ts'
import { takeOver } from './takeOver.ts'

/**
 * The failed reads in a row after which the error is thrown: a connection may be lost during a read. While the tab is in trouble, each call
 * reads once.
 */
const CATCH_UP_READS = 3
/** Milliseconds before the second read; the third waits four times as long. */
const READ_AGAIN_MS = 20

/**
 * Reads the log after the tab's head and applies it in slices. Boot's tail, a lost race, another tab's commit and a
 * thaw all call this. Resolves when the tab is at the head that the log had at the call. Rejects with `StorageError`,
 * `CorruptLog`, `OutdatedCodeError`, `ModelError`, `EngineClosed`, or the signal's reason. `read` reads and applies once.
 */
export async function catchUp(
  tab: Tab,
  signal?: AbortSignal,
  progress?: (head: number) => void,
  read: typeof readBatches = readBatches,
): Promise<void> {
  tab.catchingUp = true
  try {
    for (let reads = tab.trouble ? CATCH_UP_READS : 1; ; reads++) {
      try {
        tab.behind = false
        await read(tab, signal, progress)
        return
      } catch (error) {
        tab.behind = true
        // 'unavailable': a part of the code can't be loaded. The loader has already retried it.
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
  // If the tab works on a pipeline's folds (`turns`), the pipeline notices an imported log.
  const empty = tab.head === 0 && !tab.turns
  if (empty) await takeOver(tab)
  let isLast = false
  const onLastBatch = (): void => {
    // After an empty log, or in a log with a remote, more is read after this. Then the trouble is not over yet.
    isLast = !empty && !tab.layer
  }
  for await (const records of tab.log.readAfter(tab.head, signal, true, onLastBatch)) {
    for (let at = 0; at < records.length; ) {
      signal?.throwIfAborted()
      const until = performance.now() + SLICE_MS
      rebase(tab, () => {
        do applyCommit(tab, records[at++]!)
        while (at < records.length && performance.now() < until)
        // Cleared together with the last rows, so that subscribers are called once.
        if (isLast && at === records.length) tab.trouble = undefined
      })
      if (at < records.length) await pause()
    }
    progress?.(tab.head)
  }
  // The log was empty before this read, so these commits may come from an import meanwhile.
  if (empty && tab.head) await takeOver(tab)
}
