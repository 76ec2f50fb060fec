import { quietly, sleep } from '../async.ts'
import type { Lag } from './lag.ts'
import { type CopyHost, createCopy } from './mirrorCopy.ts'
import type { Teller } from './mirrorStatus.ts'
import { removePrivate } from './removeMirror.ts'

/** Milliseconds that events wait for company. */
const MIRROR_DELAY_MS = 500
/** At most: a computer that slept while it wrote did not write for that long. */
const LONGEST_DELAY_MS = 4000

/** What a mirror has while it writes, and while it does not. */
export interface MirrorWriting {
  readonly host: CopyHost
  readonly lag: Lag
  readonly teller: Teller
}

/**
 * Writes the log into the files of this place: the caller has the lock. Returns when somebody else is to go on, or when the log has become
 * another one.
 */
export async function writeOn(
  { host, lag, teller }: MirrorWriting,
  parent: FileSystemDirectoryHandle,
  isPrivate: boolean,
  gone: AbortSignal,
): Promise<void> {
  const copy = await createCopy(host, parent, isPrivate, gone)
  let hasMoved = !isPrivate
  lag.hear(Date.now())
  while (!gone.aborted) {
    const began = Date.now()
    lag.startRound(began)
    const done = await copy.round()
    if (gone.aborted || done === 'replaced') return
    lag.end(done === 'whole')
    if (done === 'whole' && hasMoved) {
      // An open without the folder would be given what is old.
      await quietly(removePrivate(host.database, gone))
      hasMoved = false
    }
    if (!gone.aborted) teller.know({ last: copy.last })
    // Writing takes a fifth of the time at most, however much there is to write.
    const delay = Math.min(LONGEST_DELAY_MS, Math.max(MIRROR_DELAY_MS, 4 * (Date.now() - began)))
    await lag.news(gone)
    await quietly(sleep(delay, gone))
  }
}
