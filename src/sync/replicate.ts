import { sleep } from '../async.ts'
import { EngineClosed, OutdatedCodeError, StorageError } from '../errors.ts'
import type { Hint, SyncReport } from '../log/channel.ts'
import { fenceWrites } from '../log/fenceWrites.ts'
import { isOfReaction } from '../log/local.ts'
import { toWire, type WireError } from '../log/wire.ts'
import { stringify } from '../model/json.ts'
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
import { OtherLog } from './sameLog.ts'
import { send } from './send.ts'
import { type OutboxState, readKnown } from './store.ts'

/** Milliseconds between two looks if nobody says that there is something to do. */
const UNASKED_MS = 30_000
/** Milliseconds before a remote that failed is asked again, doubled up to the maximum. */
const REMOTE_AGAIN_MIN_MS = 500
const REMOTE_AGAIN_MAX_MS = 30_000
/** Milliseconds after a failure in which not even a connection that is there again ends the wait: it may come and go with each message. */
const DEAF_MAX_MS = 5000

/**
 * Follows the remote of a log beside its pipeline, until that closes: takes in what the remote has, and sends what this device has. One
 * does for each log and browser; the others wait until it has gone. Never rejects.
 */
export async function replicate(shop: Workshop, open: OpenRemote): Promise<void> {
  const { closing, database } = shop
  // Without Web Locks nobody knows whether he is alone.
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
      // The log was closed or replaced, or the lock was stolen; then this one comes after the thief.
      isOver = !ending.signal.aborted
    } finally {
      closing.removeEventListener('abort', end)
    }
  }
}

const NO_LOCKS = 'This browser has no Web Locks, so this log is not synchronised. Commands are kept on this device.'

/** Reads that tabs wait for, by the names that these gave them. */
interface Awaited {
  readonly reads: Set<string>
  done(reads: readonly string[]): void
}

/** What the follower of a remote has to do next. */
interface Due {
  /** The remote may have more. */
  read: boolean
  /** The outbox may have grown: it is sent without a read before, which would be a round trip more. If others were faster, the append fails. */
  look: boolean
  /** It waits for its turn: what the outbox gets meanwhile goes with the rest. */
  pausing: boolean
}

/** Reads that are noted at once; more are asked for again. */
const MOST_READS = 1000

/** Tells the tabs where log and remote stand. */
interface Reporter {
  say(more: Omit<Partial<SyncReport>, 'error'> & { readonly error?: WireError | undefined }): void
  again(): void
}

function createReporter({ channel, database }: Pick<Workshop, 'channel' | 'database'>): Reporter {
  let report: SyncReport = { state: 'offline', rejected: 0, behind: 0 }
  let told = 0
  const reporter: Reporter = {
    say(more) {
      const { error, ...rest } = { ...report, ...more }
      const next = error ? { ...rest, error } : rest
      // Once in a while also if it is the same: a tab may have missed it.
      if (stringify(next) === stringify(report) && performance.now() - told < UNASKED_MS) return
      report = next
      reporter.again()
    },
    again() {
      told = performance.now()
      channel.post({ log: database.log?.id ?? '', sync: report })
    },
  }
  return reporter
}

/** Resolves when this code can't go on, and another build has to. Rejects with the signal's reason, or when the log was closed. */
async function followRemote(shop: Workshop, open: OpenRemote, signal: AbortSignal): Promise<void> {
  const { database } = shop
  const bell = createBell()
  const reads = new Set<string>()
  const due: Due = { read: true, look: false, pausing: false }
  const readSoon = (loud = false): void => {
    due.read = true
    bell.ring(loud)
  }
  const channel = shop.channel.share((hint: Hint) => {
    if (hint.log !== database.log?.id) return
    if ('local' in hint) {
      due.look = true
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

/** The remote of a log. An adapter that throws is a remote that fails with that error: the tabs are told as of any other failure. */
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
  /** The position behind which the remote refused the last message. */
  let refusedAt: Position | undefined
  for (;;) {
    signal.throwIfAborted()
    bell.reset()
    const isRead = due.read || !due.look
    due.read = due.look = false
    try {
      const asked = [...awaited.reads]
      const known = isRead ? await readOn(following) : await readKnown(database)
      if (!known) {
        due.read = true
        await bell.wait(REMOTE_AGAIN_MIN_MS, signal)
        continue
      }
      if (isRead) awaited.done(asked)
      reporter.say({ ...progressOf(known), ...(isRead && { state: 'online', behind: 0, error: undefined }) })
      if (await pack(following, known)) {
        due.look = true
        continue
      }
      const sent = await send(following, known)
      // A remote that can be read may still refuse all messages: only one that it took shows that it works.
      if (sent === 'appended' || !known.records.length) backoff.reset()
      const { position } = known.position
      if (sent === 'refused' && position === refusedAt) throw new RemoteError('unreachable', REFUSED_FOR_NOTHING)
      if (sent !== 'nothing') refusedAt = sent === 'refused' ? position : undefined
      if (sent === 'nothing') await waitForMore(following, known, due, bell)
      else due.read = true
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof EngineClosed) throw error
      const failure = remoteFailureOf(error)
      reporter.say(failure)
      if (failure.state === 'outdated' || failure.state === 'stalled') return
      due.read = true
      await packAway(following)
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
    // Those of reactions are told to these.
    rejected: [...rejected].filter((id) => !isOfReaction(id)).length,
    progress: isUpload ? { phase: 'upload', done: position.head, total: marker.base } : undefined,
  }
}

async function waitForMore({ pace, signal }: Following, { records }: OutboxState, due: Due, bell: Bell): Promise<void> {
  const pause = records.length ? pace.waitMs() : 0
  if (!pause) return bell.wait(UNASKED_MS, signal)
  due.pausing = due.look = true
  await bell.wait(pause, signal).finally(() => {
    due.pausing = false
  })
}

/** A device that is offline for long keeps a short outbox, too. */
async function packAway(following: Following): Promise<void> {
  const known = await readKnown(following.database).catch(() => undefined)
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
