import type { SyncProgress } from '../log/channel.ts'
import type { Database } from '../log/database.ts'
import { BEGINNING, isShared, type ReadPosition, type TrailMark } from '../log/local.ts'
import { type Remote, RemoteError } from '../remote.ts'
import type { Read } from './chain.ts'
import { limited } from './limited.ts'
import { openMessage } from './message.ts'
import type { Pace } from './pace.ts'
import { commandsIn } from './plan.ts'
import { type OutboxState, readKnown, writePosition } from './store.ts'
import { type Taker, takeCommits } from './take.ts'
import { withoutRemote } from './withoutRemote.ts'

/** The most bytes of messages that one transaction takes. */
const TAKE_BYTES = 1_000_000

/** What the follower of a remote needs. */
export interface Following extends Taker {
  readonly remote: Remote
  readonly pace: Pace
  readonly signal: AbortSignal
  /** Called with the number of known messages that are not in the log yet. */
  behind(messages: number, progress?: SyncProgress): void
}

/**
 * Reads the messages after the stored position and takes them. `before`: an earlier state; if `isFresh`, it is not read again. Returns the
 * new state, or undefined if the remote has to be read again. Throws StorageError if the log was begun without a remote.
 */
export async function readOn(
  following: Following,
  before?: OutboxState,
  isFresh: boolean = false,
): Promise<OutboxState | undefined> {
  const { shop, database, remote, pace, signal, behind } = following
  // The identity of the log is unknown until the pipeline has read it.
  if (!shop.database.log) await shop.atHead(() => {})
  const { log } = shop.database
  if (log?.format && !isShared(log)) throw withoutRemote(database.name, log.base ? 'archived' : 'others')
  const known = isFresh ? before : await readKnown(database, before)
  if (!known) return
  // An earlier follower may have taken over the remote's lineage. Or an import has filled the empty log (rule 13), and the hint about it was
  // lost.
  const { id: ours } = shop.database.log ?? {}
  if (known.log.id === ours || known.log.was === ours) shop.database.log = known.log
  const { position, id } = known.position
  const call = limited(signal)
  /** Whether the message that was read last is still there (rule 5). */
  let isThere = position === ''
  let now: OutboxState | undefined = known
  const waiting: Read[] = []
  let bytes = 0
  let done = 0
  /** The progress of a large read. */
  let total: number | undefined
  try {
    for await (const batch of remote.read(position, { including: !isThere, signal: call.signal })) {
      for (const { position: at, message } of batch) {
        const opened = await openMessage(message)
        if (!isThere) {
          if (at !== position || opened.id !== id) return await goBack(following, known)
          isThere = true
          continue
        }
        pace.heard(opened.id)
        waiting.push({ position: at, opened })
        bytes += message.length
        if (bytes < TAKE_BYTES) continue
        total ??= await countBehind(remote, position, call.signal)
        call.renew()
        behind(
          Math.max(waiting.length, total - done),
          total > 0 ? { phase: 'download', done, total: Math.max(total, done + waiting.length) } : undefined,
        )
        done += waiting.length
        now = await takeCommits(following, waiting.splice(0), { before: now })
        bytes = 0
      }
      call.renew()
    }
  } finally {
    call.end()
  }
  if (!isThere) return goBack(following, known)
  if (waiting.length) now = await takeCommits(following, waiting, { before: now })
  // The first command has no events: it was refused after other commands of this device. They are in the log now, so it is decided again.
  const isHeld = now && now.position.head === now.marker.base && commandsIn(now)[0]?.events.length === 0
  return isHeld ? takeCommits(following, [], { before: now }) : now
}

/** The estimated number of messages, for a progress bar. 0 if the remote can't say. */
const countBehind = async (remote: Remote, position: string, signal: AbortSignal): Promise<number> =>
  (await remote.count?.(position, { signal }).catch(() => 0)) ?? 0

/** Goes back to the newest known message that the remote still has, after it has forgotten later ones (section 5). */
async function goBack({ database, remote, signal }: Following, { position }: OutboxState): Promise<undefined> {
  const { trail } = position
  for (const [i, mark] of trail.entries()) {
    if (!(await hasMessage(remote, mark, signal))) continue
    await comeTo(database, { ...mark, trail: trail.slice(i + 1) })
    return
  }
  const call = limited(signal)
  try {
    for await (const batch of remote.read('', { signal: call.signal })) {
      if (!batch.length) continue
      await comeTo(database, BEGINNING)
      return
    }
  } finally {
    call.end()
  }
  // A deleted log and a fresh one look alike, so a person has to decide whether everything is sent again.
  throw new RemoteError('gone')
}

const comeTo = (database: Database, position: ReadPosition): Promise<unknown> => writePosition(database, position)

async function hasMessage(remote: Remote, { position, id }: TrailMark, signal: AbortSignal): Promise<boolean> {
  const call = limited(signal)
  try {
    for await (const [first] of remote.read(position, { including: true, signal: call.signal }))
      return first?.position === position && (await openMessage(first.message)).id === id
    return false
  } finally {
    call.end()
  }
}
