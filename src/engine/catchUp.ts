import { pause, SLICE_MS } from '../async.ts'
import { CorruptLog, EngineClosed, OutdatedCodeError, StorageError } from '../errors.ts'
import { applyCommit, fail, rebase, stop, type Tab } from './tab.ts'
import { takeOver } from './takeOver.ts'

/** Failed reads in a row before those who wait are told. */
const READS = 3
/** Appends of one command without an answer before its dispatch is told. */
const FAILURES = 3

/**
 * Reads the log behind the head and applies it, in slices. Boot's tail, a lost race, another tab's commit, a thaw: all
 * come here. Afterwards a command whose outcome was open is known to be in the log or not (rule 5).
 */
export async function catchUp(tab: Tab, signal?: AbortSignal, progress?: (head: number) => void): Promise<void> {
  // Only what had failed before this read began is answered by it.
  const unsure = tab.pending.filter((pending) => pending.unsure && !pending.inTransaction)
  tab.catchingUp = true
  try {
    for (let tries = 1; ; tries++) {
      try {
        tab.behind = false
        await readOn(tab, signal, progress)
        break
      } catch (error) {
        if (signal?.aborted) throw error
        if (tries < READS && error instanceof StorageError)
          await new Promise((resolve) => setTimeout(resolve, 20 * tries ** 2))
        else return giveUp(tab, unsure, error as Error)
      }
    }
  } finally {
    tab.catchingUp = false
  }
  const { state, error } = tab
  for (const pending of unsure) pending.unsure = false
  const over = unsure.filter(({ failures }) => error && (state !== 'ready' || failures > FAILURES))
  if (over.length) {
    rebase(tab, () => {
      for (const pending of over) fail(tab, pending, error as Error)
    })
  }
}

async function readOn(
  tab: Tab,
  signal: AbortSignal | undefined,
  progress: ((head: number) => void) | undefined,
): Promise<void> {
  const empty = tab.head === 0
  if (empty) await takeOver(tab)
  for await (const records of tab.log.readAfter(tab.head, signal, true)) {
    for (let next = 0; next < records.length; ) {
      signal?.throwIfAborted()
      const until = performance.now() + SLICE_MS
      rebase(tab, () => {
        do applyCommit(tab, records[next++] as (typeof records)[0])
        while (next < records.length && performance.now() < until)
      })
      if (next < records.length) await pause()
    }
    progress?.(tab.head)
  }
  // Whoever imported may have come just now.
  if (empty && tab.head) await takeOver(tab)
}

/** The log can't be read: nobody is left waiting. */
function giveUp(tab: Tab, unsure: readonly Tab['pending'][0][], error: Error): void {
  rebase(tab, () => {
    for (const pending of unsure) {
      fail(
        tab,
        pending,
        new StorageError(
          'unknown',
          'It could not be found out whether this command is in the log: ask again with the same commandId.',
          error,
        ),
      )
    }
    if (error instanceof CorruptLog) stop(tab, 'failed', error)
    else if (error instanceof OutdatedCodeError) stop(tab, 'outdated', error)
    else if (error instanceof EngineClosed) stop(tab, 'closed', error)
    else {
      tab.error = error
      // Read again by the next command.
      tab.behind = tab.pending.length === 0
      for (const pending of [...tab.pending]) fail(tab, pending, error)
    }
  })
}
