import { sleep } from '../async.ts'
import { mirrorSent } from '../copies/sentCopy.ts'
import { EngineClosed, OutdatedCodeError, StorageError } from '../errors.ts'
import type { Hint, SyncReport } from '../log/channel.ts'
import { fenceWrites } from '../log/fenceWrites.ts'
import { isOfReaction } from '../log/local.ts'
import { toWire } from '../log/wire.ts'
import { holdEngine } from '../projections/holder.ts'
import type { Workshop } from '../projections/workshop.ts'
import { createBackoff } from '../queue.ts'
import { type OpenRemote, type Position, type Remote, RemoteError } from '../remote.ts'
import { type Bell, createBell } from './bell.ts'
import { CannotDecide } from './decideAgain.ts'
import { beginHolding } from './holding.ts'
import { createPace } from './pace.ts'
import { pack } from './pack.ts'
import { type Following, readOn } from './readOn.ts'
import { createReporter, type Reporter } from './reporter.ts'
import { OtherLog } from './sameLog.ts'
import { send } from './send.ts'
import { type OutboxState, readKnown } from './store.ts'

/** Milliseconds between two reads without a hint that there is work. */
const UNASKED_MS = 30_000
/** Milliseconds before a failed remote is asked again. Doubled after each failure, up to the maximum. */
const REMOTE_AGAIN_MIN_MS = 500
const REMOTE_AGAIN_MAX_MS = 30_000
/** The most milliseconds after a failure in which a restored connection does not end the wait: it may come and go with each message. */
const DEAF_MAX_MS = 5000

/**
 * Follows the remote of a log beside its pipeline until the pipeline closes: it takes new messages and sends the commands of this device.
 * Each browser has one follower for each log; the others wait until it ends. Never rejects.
 */
export async function replicate(shop: Workshop, open: OpenRemote): Promise<void> {
  const { closing, database } = shop
  shop.copySent = mirrorSent(database)
  // Without Web Locks a follower can't know whether it is the only one.
  if (!globalThis.navigator?.locks) {
    createReporter(shop).say({ state: 'waiting', error: toWire(new StorageError('unavailable', NO_LOCKS)) })
    return
  }
  for (let isOver = false; !isOver && !closing.aborted; ) {
    const ending = new AbortController()
    const end = (): void => ending.abort(closing.reason ?? new EngineClosed('closed'))
    closing.addEventListener('abort', end)
    try {
      const release = await holdEngine(database.name, closing, end)
      const over = beginHolding(shop, { signal: ending.signal, leave: end })
      isOver = await followRemote(shop, open, ending.signal)
        .then(() => true)
        .finally(() => {
          over()
          release()
        })
    } catch {
      // The log was closed or replaced, or the lock was stolen. After a theft, this follower queues again.
      isOver = !ending.signal.aborted
    } finally {
      closing.removeEventListener('abort', end)
    }
  }
}

const NO_LOCKS = 'This browser has no Web Locks, so this log is not synchronised. Commands are kept on this device.'

/** The reads that tabs wait for, under the names that the tabs gave them. */
interface Awaited {
  readonly reads: Set<string>
  done(reads: readonly string[]): void
}

/** The next work of the follower of a remote. */
interface Due {
  /** The remote may have new messages. */
  read: boolean
  /** The outbox may have grown. It is sent without a read before it, which would cost a round trip. If another device was faster, the append fails. */
  send: boolean
  /** The follower waits for its turn. Commands that come meanwhile are sent with the rest. */
  pausing: boolean
}

/** The most waiting reads that are kept. Tabs ask again for further reads. */
const MOST_READS = 1000

/** Resolves when this build can't continue and another build has to. Rejects with the signal's reason, or when the log was closed. */
async function followRemote(shop: Workshop, open: OpenRemote, signal: AbortSignal): Promise<void> {
  const { database } = shop
  const bell = createBell()
  const reads = new Set<string>()
  const due: Due = { read: true, send: false, pausing: false }
  const readSoon = (loud = false): void => {
    due.read = true
    bell.ring(loud)
  }
  const channel = shop.channel.share((hint: Hint) => {
    if (hint.log !== database.log?.id) return
    if ('local' in hint) {
      due.send = true
      if (!due.pausing) bell.ring()
    } else if ('remoteRead' in hint && hint.by === 'tab') {
      for (const read of hint.remoteRead) if (reads.size < MOST_READS) reads.add(read)
      readSoon()
    } else if ('asks' in hint) reporter.again()
    else if ('engine' in hint && hint.engine === 'asked') channel.post({ log: hint.log, engine: 'here' })
  })
  const reporter = createReporter({ channel, database })
  let unwatch = (): void => {}
  try {
    const remote = openedRemote(open, database.name)
    unwatch = remote.watch((poke) => {
      if (poke === 'offline') reporter.say({ state: 'offline' })
      else readSoon(poke === 'online')
    })
    const following: Following = {
      shop,
      database: fenceWrites(database, signal, 'meta'),
      remote,
      pace: createPace(),
      signal,
      behind: (messages, progress) => reporter.say({ state: 'online', behind: messages, progress }),
    }
    await runReplicator(following, due, bell, reporter, {
      reads,
      done(some) {
        for (const read of some) reads.delete(read)
        if (some.length) channel.post({ log: database.log?.id ?? '', remoteRead: some, by: 'follower' })
      },
    })
  } finally {
    unwatch()
    channel.close()
  }
}

/** Opens the remote of a log. If the adapter throws, every call of the returned remote fails with that error, which the tabs show. */
function openedRemote(open: OpenRemote, log: string): Remote {
  try {
    return open(log)
  } catch (error) {
    const fail = (): Promise<never> => Promise.reject(error)
    return {
      append: fail,
      read: () => ({ [Symbol.asyncIterator]: () => ({ next: fail }) }),
      watch: () => () => {},
      limits: { bytes: Number.POSITIVE_INFINITY },
    }
  }
}

async function runReplicator(
  following: Following,
  due: Due,
  bell: Bell,
  reporter: Reporter,
  awaited: Awaited,
): Promise<void> {
  const { signal, database } = following
  const backoff = createBackoff(REMOTE_AGAIN_MIN_MS, REMOTE_AGAIN_MAX_MS)
  let before: OutboxState | undefined
  /** The state was read just before an append, so it is not read again. Commands that tabs have appended since are read later. */
  let isFresh = false
  /** The position after which the remote refused the last message. */
  let refusedAt: Position | undefined
  for (;;) {
    signal.throwIfAborted()
    const isRead = due.read || !due.send
    bell.reset()
    due.read = false
    due.send &&= isFresh
    try {
      const asked = [...awaited.reads]
      const known: OutboxState | undefined = isRead
        ? await readOn(following, before, isFresh)
        : await readKnown(database, before)
      before = known
      isFresh = false
      if (!known) {
        due.read = true
        await bell.wait(REMOTE_AGAIN_MIN_MS, signal)
        continue
      }
      if (isRead) awaited.done(asked)
      reporter.say({ ...progressOf(known), ...(isRead && { state: 'online', behind: 0, error: undefined }) })
      const sent = await send(following, known)
      const isIdle = sent === 'nothing' || sent === 'early'
      if (isIdle && (await pack(following, known))) {
        due.send = true
        continue
      }
      isFresh = sent === 'appended'
      // A remote that can be read may still refuse all messages. Only an accepted message shows that it works.
      if (sent === 'appended' || !known.records.length) backoff.reset()
      const { position } = known.position
      if (sent === 'refused' && position === refusedAt) throw new RemoteError('unreachable', REFUSED_FOR_NOTHING)
      if (!isIdle) refusedAt = sent === 'refused' ? position : undefined
      // The turn may come before the wait for it begins. Then the outbox is read again at once.
      if (sent === 'early') due.send = true
      if (isIdle) await waitForMore(following, known, due, bell)
      else due.read = true
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof EngineClosed) throw error
      const failure = remoteFailureOf(error)
      reporter.say(failure)
      if (failure.state === 'outdated' || failure.state === 'stalled') return
      due.read = true
      isFresh = false
      await packAway(following, before)
      const wait = backoff.next()
      const deaf = Math.min(wait - REMOTE_AGAIN_MIN_MS, DEAF_MAX_MS)
      await sleep(deaf, signal)
      await bell.wait(wait - deaf, signal, true)
    }
  }
}

const REFUSED_FOR_NOTHING =
  'The remote refused a message, although it has no newer one. It is sent again after a while; look into the log of the server.'

function progressOf({ position, marker, rejected }: OutboxState): Pick<SyncReport, 'rejected' | 'progress'> {
  const isUpload = position.head < marker.base
  return {
    // Reactions learn of their own rejected commands.
    rejected: [...rejected].filter((id) => !isOfReaction(id)).length,
    progress: isUpload ? { phase: 'upload', done: position.head, total: marker.base } : undefined,
  }
}

async function waitForMore({ pace, signal }: Following, { records }: OutboxState, due: Due, bell: Bell): Promise<void> {
  const pause = records.length || due.send ? pace.waitMs() : 0
  if (!pause) return due.send ? undefined : bell.wait(UNASKED_MS, signal)
  due.pausing = due.send = true
  // The bell may have rung for commands that are sent after the pause.
  if (!due.read) bell.reset()
  await bell.wait(pause, signal).finally(() => {
    due.pausing = false
  })
}

/** Packs the outbox of a device that stays offline for long, too. */
async function packAway(following: Following, before: OutboxState | undefined): Promise<void> {
  const known = await readKnown(following.database, before).catch(() => undefined)
  if (known) await pack(following, known).catch(() => {})
}

function remoteFailureOf(error: unknown): Pick<SyncReport, 'state' | 'error'> {
  if (error instanceof CannotDecide) return { state: error.state, error: toWire(error.cause) }
  return { state: stateOf(error), error: toWire(error) }
}

function stateOf(error: unknown): SyncReport['state'] {
  if (error instanceof OutdatedCodeError) return 'outdated'
  if (error instanceof OtherLog) return error.state
  if (error instanceof StorageError) return 'waiting'
  const kind = error instanceof RemoteError ? error.kind : undefined
  return kind === 'denied' || kind === 'gone' ? kind : 'offline'
}
