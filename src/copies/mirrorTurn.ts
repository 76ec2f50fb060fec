import { quietly, sleep } from '../async.ts'
import type { Lag } from './lag.ts'
import { type CopyHost, createCopy } from './mirrorCopy.ts'
import type { Teller } from './mirrorStatus.ts'
import { removePrivate } from './removeMirror.ts'

/** Milliseconds from a new event to the round that writes it, so that one round writes many events. */
const MIRROR_DELAY_MS = 500
/** The longest wait in milliseconds: if the computer slept during a round, the round seems to have taken that long. */
const LONGEST_DELAY_MS = 4000

/** The parts of a mirror that live on from one turn of writing to the next. */
export interface MirrorWriting {
  readonly host: CopyHost
  readonly lag: Lag
  readonly teller: Teller
}

/**
 * Writes the log into the files of this place. The caller holds the lock. Returns when `ended` has aborted, or when the log was replaced.
 */
export async function writeOn(
  { host, lag, teller }: MirrorWriting,
  parent: FileSystemDirectoryHandle,
  isPrivate: boolean,
  ended: AbortSignal,
): Promise<void> {
  const copy = await createCopy(host, parent, isPrivate, ended)
  let hasMoved = !isPrivate
  lag.hear(Date.now())
  while (!ended.aborted) {
    const began = Date.now()
    lag.startRound(began)
    const done = await copy.round()
    if (ended.aborted || done === 'replaced') return
    lag.end(done === 'whole')
    if (done === 'whole' && hasMoved) {
      // The private files are out of date from now on. A later open that can't read the folder must not restore the log from them.
      await quietly(removePrivate(host.database, ended))
      hasMoved = false
    }
    if (!ended.aborted) teller.know({ last: copy.last })
    // Waits four times as long as the round took, so that writing takes a fifth of the time at most.
    const delay = Math.min(LONGEST_DELAY_MS, Math.max(MIRROR_DELAY_MS, 4 * (Date.now() - began)))
    await lag.waitForEvents(ended)
    await quietly(sleep(delay, ended))
  }
}
