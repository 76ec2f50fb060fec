import { CorruptLog, EngineClosed, OutdatedCodeError } from '../errors.ts'
import { applyCommit, rebase, settle, stop, type Tab, unknown } from './tab.ts'

/** Milliseconds of folding between two chances for the page to render and answer. */
const SLICE = 12
/** Failed reads in a row before those who wait are told. */
const READS = 3

/** Lets the page do what it has to. */
export const pause = (): Promise<void> =>
  new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      port1.close()
      resolve()
    }
    port2.postMessage(0)
  })

/**
 * Reads the log behind the head and applies it, in slices. Boot's tail, a lost race, another tab's commit, a thaw: all
 * come here. Afterwards a command whose outcome was open is known to be in the log or not.
 */
export async function catchUp(tab: Tab, signal?: AbortSignal, progress?: (head: number) => void): Promise<void> {
  // Only what had failed before this read began is answered by it.
  const unsure = tab.pending.filter((pending) => pending.unsure && !pending.inTransaction)
  tab.catchingUp = true
  for (let tries = 1; ; tries++) {
    tab.behind = false
    try {
      for await (const records of tab.log.readAfter(tab.head, signal)) {
        for (let next = 0; next < records.length; ) {
          if (next) await pause()
          signal?.throwIfAborted()
          const until = performance.now() + SLICE
          rebase(tab, () => {
            do {
              const record = records[next++]
              if (record) applyCommit(tab, record)
            } while (next < records.length && performance.now() < until)
          })
        }
        progress?.(tab.head)
      }
      for (const pending of unsure) pending.unsure = false
      break
    } catch (error) {
      if (signal?.aborted) throw error
      if (error instanceof CorruptLog) rebase(tab, () => stop(tab, 'failed', error))
      else if (error instanceof OutdatedCodeError) rebase(tab, () => stop(tab, 'outdated', error))
      else if (error instanceof EngineClosed) rebase(tab, () => stop(tab, 'closed', error))
      else if (tries < READS) {
        await new Promise((resolve) => setTimeout(resolve, 20 * tries ** 2))
        continue
      } else tab.error = error as Error
      rebase(tab, () => {
        for (const pending of unsure) settle(tab, pending, unknown(error))
        if (tab.state === 'ready') for (const pending of [...tab.pending]) settle(tab, pending, error as Error)
      })
      break
    }
  }
  tab.catchingUp = false
  if (tab.state !== 'ready') {
    rebase(tab, () => {
      for (const pending of unsure) settle(tab, pending, tab.error ?? new EngineClosed('closed'))
    })
  }
}
