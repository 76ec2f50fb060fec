import { OutdatedCodeError, StorageError } from '../errors.ts'
import { isLarge } from '../log/channel.ts'
import type { Database } from '../log/database.ts'
import type { LocalCommand, RejectedCommand } from '../log/local.ts'
import { eventTypes } from '../model/events.ts'
import type { AnyModel } from '../model/model.ts'
import type { Workshop } from '../projections/workshop.ts'
import { derive, type Read } from './chain.ts'
import type { ReadCommit } from './message.ts'
import { packTaken } from './packTaken.ts'
import { commandsIn, type EventTypesRead, type Incoming, plan } from './plan.ts'
import { assertSameLog, newCommits } from './sameLog.ts'
import { NONE_SENT, readSent } from './sent.ts'
import { afterWriting, type OutboxState, readKnown, writeInside, writeOutbox, writePosition } from './store.ts'

/** The number of lost races after which commands are decided inside the transaction. */
const RACES_OUTSIDE = 2
/** The number of races after which a take rejects. The caller tries again later. */
const MOST_RACES = 16

/** What a take needs. */
export interface Taker {
  readonly shop: Workshop
  /** A database that refuses writes once another follower has begun. */
  readonly database: Database
}

interface Taking {
  /** Returns the command of the outbox that can't be sent, with the reason. */
  readonly refuse?: (commands: readonly LocalCommand[]) => RejectedCommand | undefined
  /** The last known state. If it has changed, the first race is lost. */
  readonly before?: OutboxState | undefined
}

/**
 * Takes messages into the log in one transaction (rule 3) and updates the outbox to match. Returns the new state. Throws CannotDecide or
 * OutdatedCodeError if a newer build has to continue, OtherLog, and StorageError.
 */
export async function takeCommits(
  taker: Taker,
  messages: readonly Read[],
  { refuse, before }: Taking = {},
): Promise<OutboxState | undefined> {
  const { shop, database } = taker
  let known = before
  for (let races = 0; races < MOST_RACES; races++) {
    if (!known || races) known = await readKnown(database, known)
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
    const types = knownTypes(shop.model, commits)
    const sent = rest.length ? (known.sent ?? (await readSent(database))) : NONE_SENT
    const records = commits.map(({ record }) => record)
    // A transaction that decides inside writes records.
    const isOutside = !rest.length && races < RACES_OUTSIDE
    const log = { ...known.log, lineage: lineage ?? known.log.lineage }
    const packed = isOutside ? await packTaken(database, log, known.marker.base, records) : undefined
    const taken = await decideAndWrite(taker, rest.length ? { ...known, sent } : known, races, {
      model: shop.model,
      ...{ derived, commits, types, lineage, refused, kept: sent, packed },
    })
    if (!taken) continue
    if (lineage) shop.database.log = taken.after.log
    tellTaken(taker, taken, commits)
    if (derived.newer) throw new OutdatedCodeError(derived.newer, 1)
    return taken.after
  }
  throw new StorageError('aborted', `Others rewrite the outbox of "${database.name}" all the time. Try again`)
}

interface TakeOutcome {
  readonly after: OutboxState
  /** The commands that arrived were the first in the outbox, so nothing was decided again. */
  readonly isFirst: boolean
}

/** Decides on the folds before the transaction, then writes. Returns undefined if another tab was faster. */
function decideAndWrite(
  { shop, database }: Taker,
  known: OutboxState,
  races: number,
  incoming: Incoming,
): Promise<TakeOutcome | undefined> {
  return shop.atHead(
    async (folds) => {
      const isAtHead = (now: OutboxState): boolean =>
        folds.every(({ failed, sequence }) => failed || sequence === now.marker.base)
      if (!isAtHead(known)) return
      const written =
        races < RACES_OUTSIDE
          ? await writeOutbox(database, known, plan(known, incoming, folds))
          : await writeInside(database, known.from, (now) => {
              const isSame = now.marker.base === known.marker.base && now.position.position === known.position.position
              return isSame && isAtHead(now) ? plan(now, incoming, folds) : undefined
            })
      if (!written) return
      for (const { record } of incoming.commits) shop.fold(record)
      return { after: afterWriting(written), isFirst: written.writing.outbox.is === 'shorter' }
    },
    // Only the follower writes commits of a log with a remote, so the folds are mostly at its head.
    races > 0,
  )
}

function tellTaken({ shop }: Taker, { after: now, isFirst }: TakeOutcome, commits: readonly ReadCommit[]): void {
  const { marker } = now
  const [one, ...others] = commits
  const head = commits.at(-1)?.record.last
  // A tab that shows rewritten commands reads the outbox again.
  if (head === undefined) shop.post({ local: now.newest })
  else {
    const isSmall = one && !others.length && !isLarge(one.record)
    shop.post({ head, ...(isFirst && isSmall && { taken: { commit: one.record, marker } }) })
    shop.tables?.hear({ log: now.log.id, head })
  }
}

/** Returns the types of the events. Throws OutdatedCodeError if this code does not know one of them. */
function knownTypes(model: AnyModel, commits: readonly ReadCommit[]): EventTypesRead {
  const types = eventTypes(model.events)
  const found = new Map<string, Set<number>>()
  const all: [type: string, version: number][] = []
  for (const { commands } of commits)
    for (const { events } of commands)
      for (const { type, version = 1 } of events) {
        const versions = found.get(type) ?? new Set()
        found.set(type, versions)
        if (versions.has(version)) continue
        versions.add(version)
        all.push([type, version])
        if (!types.knows(type, version)) throw new OutdatedCodeError(type, version)
      }
  return all
}
