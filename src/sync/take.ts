import { OutdatedCodeError, StorageError } from '../errors.ts'
import { type CommandEntry, type CommitRecord, commandsOf, type StoredCommand } from '../log/commit.ts'
import { commitNow, type Database } from '../log/database.ts'
import {
  type LocalCommand,
  type LocalRecord,
  localCommandsOf,
  localRecordsOf,
  type RejectedCommand,
} from '../log/local.ts'
import { readAfter } from '../log/read.ts'
import { eventTypes } from '../model/events.ts'
import type { Fold } from '../model/fold.ts'
import { stringify } from '../model/json.ts'
import type { AnyModel } from '../model/model.ts'
import type { Workshop } from '../projections/workshop.ts'
import { type Derived, derive, type Read } from './chain.ts'
import { conflicting, decideAgain } from './decideAgain.ts'
import { type KnownSent, keepSent, readSent } from './sent.ts'
import {
  knownOf,
  type OutboxState,
  type OutboxWrite,
  queueKnown,
  queueWriting,
  readKnown,
  WRITTEN,
  writeOutbox,
  writePosition,
} from './store.ts'

/** Lost races after which the outbox is decided on inside the transaction. */
const RACES_OUTSIDE = 2
/** Races after which a take rejects: the log is asked again later. */
const MOST_RACES = 16
/** Commands of one record of a rewritten outbox. */
export const RECORD_COMMANDS = 500

/** What takes messages in. */
export interface Taker {
  readonly shop: Workshop
  /** Nothing is written through it once another one follows the remote. */
  readonly database: Database
}

interface Taking {
  /** Names a command of the outbox that can't be sent, and why. */
  readonly refuse?: (commands: readonly LocalCommand[]) => RejectedCommand | undefined
  /** What was stored a moment ago. If it is not any more, the first race is lost. */
  readonly before?: OutboxState | undefined
}

/** The remote's log is not the one that this device has. */
export class OtherLog extends Error {
  readonly state: 'forked' | 'other-log'
  constructor(state: 'forked' | 'other-log', message: string) {
    super(message)
    this.state = state
  }
}

/**
 * Takes messages into the log, in one transaction (rule 3), and brings the outbox in line with it. Gives what is stored afterwards. Throws
 * CannotDecide and OutdatedCodeError where a newer build has to go on, OtherLog, StorageError.
 */
export async function takeCommits(
  { shop, database }: Taker,
  messages: readonly Read[],
  { refuse, before }: Taking = {},
): Promise<OutboxState | undefined> {
  for (let races = 0; races < MOST_RACES; races++) {
    const known = (races === 0 && before) || (await readKnown(database))
    if (!known) return
    const derived = derive(known.position, messages, known.log.lineage)
    const lineage = assertSameLog(known, derived)
    const commits = await newCommits(database, known, derived)
    const rest = commandsIn(known)
    const refused = refuse?.(rest)
    const isHeld = rest[0]?.events.length === 0
    if (!commits.length && !refused && !isHeld) {
      if (messages.length) await writePosition(database, derived.position)
      if (derived.newer) throw new OutdatedCodeError(derived.newer, 1)
      return { ...known, position: derived.position }
    }
    const kept = await readSent(database)
    const incoming: Incoming = { model: shop.model, derived, commits, lineage, refused, kept }
    assertKnownCommits(shop.model, commits)
    const written = await shop.atHead(async (folds) => {
      const isAtHead = (now: OutboxState): boolean =>
        folds.every(({ failed, sequence }) => failed || sequence === now.marker.base)
      if (!isAtHead(known)) return 'raced'
      const outcome =
        races < RACES_OUTSIDE
          ? await writeOutbox(database, known, plan(known, incoming, folds))
          : await writeInside(database, (now) => {
              const isSame = now.marker.base === known.marker.base && now.position.position === known.position.position
              return isSame && isAtHead(now) ? plan(now, incoming, folds) : undefined
            })
      if (outcome === 'written') for (const commit of commits) shop.fold(commit)
      return outcome
    }, true)
    if (written === 'raced') continue
    const now = await readKnown(database)
    if (lineage && now) shop.database.log = now.log
    const head = commits.at(-1)?.last
    // A tab that shows what was rewritten reads the outbox.
    if (head === undefined) shop.post({ local: now?.newest ?? 0 })
    else {
      shop.post({ head })
      shop.tables?.hear({ log: known.log.id, head })
    }
    if (derived.newer) throw new OutdatedCodeError(derived.newer, 1)
    return now
  }
  throw new StorageError('aborted', `Others rewrite the outbox of "${database.name}" all the time. Try again`)
}

/** What is to be written, whatever the outbox is by then. */
interface Incoming {
  readonly model: AnyModel
  readonly derived: Derived
  readonly commits: readonly CommitRecord[]
  /** The log is empty and takes this one over. */
  readonly lineage: string | undefined
  readonly refused: RejectedCommand | undefined
  readonly kept: KnownSent
}

export const commandsIn = ({ records }: Pick<OutboxState, 'records'>): LocalCommand[] =>
  records.flatMap(localCommandsOf)

/** Gives the lineage that an empty log takes over from the remote. */
function assertSameLog({ log, marker }: OutboxState, { lineage, commits }: Derived): string | undefined {
  if (lineage === undefined || lineage === log.lineage || !commits.length) return
  if (!marker.base) return lineage
  throw new OtherLog('other-log', `The remote has another log: lineage ${lineage} instead of ${log.lineage}`)
}

/** Those that the log does not have. Throws OtherLog if it has others in their place. */
async function newCommits(
  database: Database,
  { marker }: OutboxState,
  { commits }: Derived,
): Promise<readonly CommitRecord[]> {
  const known = commits.filter(({ first }) => first <= marker.base)
  if (!known.length) return commits
  const wanted = known[Symbol.iterator]()
  let next = wanted.next()
  for await (const records of readAfter(database, known[0]!.first - 1)) {
    for (const record of records) {
      if (next.done) break
      if (record.first !== next.value.first || record.id !== next.value.id) throw forked(next.value.first)
      next = wanted.next()
    }
    if (next.done) break
  }
  if (!next.done) throw forked(next.value.first)
  return commits.slice(known.length)
}

const forked = (sequence: number): OtherLog =>
  new OtherLog('forked', `The remote has other events than this device from ${sequence} on`)

function assertKnownCommits(model: AnyModel, commits: readonly CommitRecord[]): void {
  const types = eventTypes(model.events)
  for (const [type, version] of typesOf(commits))
    if (!types.knows(type, version)) throw new OutdatedCodeError(type, version)
}

function typesOf(commits: readonly CommitRecord[]): Iterable<[type: string, version: number]> {
  const found = new Map<string, [string, number]>()
  for (const commit of commits)
    for (const { events } of commandsOf(commit))
      for (const { type, version = 1 } of events) found.set(`${version} ${type}`, [type, version])
  return found.values()
}

/** What one transaction makes of log and outbox. Throws CannotDecide. */
function plan(known: OutboxState, incoming: Incoming, folds: readonly Fold[]): OutboxWrite {
  const { derived, commits, lineage, refused } = incoming
  const { marker, log, records } = known
  const local = commandsIn(known)
  const ids = new Map(local.map((command) => [command.id, command]))
  const arrived: StoredCommand[] = []
  const entries = new Map<string, CommandEntry | undefined>()
  const sent: [first: number, own: readonly LocalCommand[]][] = []
  for (const commit of commits) {
    let sequence = commit.first - 1
    const own: LocalCommand[] = []
    for (const command of commandsOf(commit)) {
      sequence += command.events.length
      arrived.push(command)
      const { id, fingerprint } = command
      if (fingerprint !== undefined) entries.set(id, { sequence, commit: commit.id, fingerprint })
      const mine = ids.get(id)
      if (mine && mine.fingerprint === fingerprint) own.push(mine)
    }
    if (own.length) sent.push([commit.first, own])
  }
  const { id: last, last: base } = commits.at(-1) ?? { id: marker.last, last: marker.base }
  const generation = marker.generation + 1
  const shared = {
    commits,
    entries,
    ...keepSent(incoming.kept, sent),
    types: typesOf(commits),
    settled: arrived.flatMap(({ id }) => (known.rejected.has(id) ? id : [])),
    position: derived.position,
    log: lineage === undefined ? undefined : { ...log, lineage },
  }
  const isFirst = arrived.every((command, i) => isOurCommand(command, local[i]))
  if (isFirst && !refused && arrived.length && local[arrived.length]?.events.length !== 0) {
    const { n, rest } = without(records, arrived.length, marker.n)
    return { ...shared, rejected: [], outbox: { is: 'shorter', marker: { n, base, last, generation }, rest } }
  }
  const came = new Map(arrived.map((command) => [command.id, command]))
  const left = local.filter(({ id }) => !came.has(id) && id !== refused?.id)
  const conflicts = local.filter(({ id, fingerprint }) => came.has(id) && came.get(id)?.fingerprint !== fingerprint)
  const decided = decideAgain(incoming.model, folds, commits, left, base)
  const rejected = [
    ...conflicts.map((one) => conflicting(one, base)),
    ...(refused ? [refused] : []),
    ...decided.rejected,
  ]
  for (const { id, fingerprint } of [...decided.rejected, ...decided.fulfilled, ...(refused ? [refused] : [])])
    if (fingerprint !== undefined) entries.set(id, undefined)
  const n = known.newest + 1
  return {
    ...shared,
    rejected,
    outbox: {
      is: 'new',
      marker: { n, base, last, generation },
      records: localRecordsOf(decided.kept, n, RECORD_COMMANDS),
    },
  }
}

const isOurCommand = (one: StoredCommand, other: StoredCommand | undefined): boolean =>
  one.id === other?.id && one.fingerprint === other.fingerprint && stringify(one.events) === stringify(other.events)

/** The outbox without its first commands: the highest key that is deleted, and what is left of a record that came in part. */
function without(
  records: readonly LocalRecord[],
  count: number,
  marker: number,
): { readonly n: number; readonly rest: LocalRecord | undefined } {
  let left = count
  let n = marker
  for (const record of records) {
    const commands = localCommandsOf(record)
    if (commands.length > left) {
      return { n, rest: left ? { ...record, body: stringify(commands.slice(left)) } : undefined }
    }
    left -= commands.length
    n = record.n
    if (!left) break
  }
  return { n, rest: undefined }
}

/** Reads, decides and writes in one transaction: nobody can come between. */
async function writeInside(
  { transact }: Database,
  decide: (known: OutboxState) => OutboxWrite | undefined,
): Promise<'written' | 'raced'> {
  let thrown: unknown
  let written = false
  let raced = false
  try {
    await transact(WRITTEN, 'readwrite', (store, transaction) => {
      const asked = queueKnown(store)
      asked.newest.onsuccess = () => {
        try {
          const known = knownOf(asked)
          const writing = known && decide(known)
          if (known && writing) {
            queueWriting(store, known, writing, () => {
              raced = true
            })
          }
          written = !!writing
          commitNow(transaction)
        } catch (error) {
          thrown = error
          transaction.abort()
        }
      }
    })
  } catch (error) {
    if (thrown ?? !raced) throw thrown ?? error
  }
  return written && !raced ? 'written' : 'raced'
}
