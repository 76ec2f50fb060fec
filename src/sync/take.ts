import { OutdatedCodeError, StorageError } from '../errors.ts'
import type { Database } from '../log/database.ts'
import type { LocalCommand, RejectedCommand } from '../log/local.ts'
import { eventTypes } from '../model/events.ts'
import type { AnyModel } from '../model/model.ts'
import type { Workshop } from '../projections/workshop.ts'
import { derive, type Read } from './chain.ts'
import type { ReadCommit } from './message.ts'
import { commandsIn, type EventTypesRead, type Incoming, plan } from './plan.ts'
import { assertSameLog, newCommits } from './sameLog.ts'
import { NONE_SENT, readSent } from './sent.ts'
import { afterWriting, type OutboxState, readKnown, writeInside, writeOutbox, writePosition } from './store.ts'

/** Lost races after which the outbox is decided on inside the transaction. */
const RACES_OUTSIDE = 2
/** Races after which a take rejects: the log is asked again later. */
const MOST_RACES = 16

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

/**
 * Takes messages into the log, in one transaction (rule 3), and brings the outbox in line with it. Gives what is stored afterwards. Throws
 * CannotDecide and OutdatedCodeError where a newer build has to go on, OtherLog, StorageError.
 */
export async function takeCommits(
  taker: Taker,
  messages: readonly Read[],
  { refuse, before }: Taking = {},
): Promise<OutboxState | undefined> {
  const { shop, database } = taker
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
    const types = knownTypes(shop.model, commits)
    const kept = rest.length ? await readSent(database) : NONE_SENT
    const now = await decideAndWrite(taker, known, races, {
      model: shop.model,
      ...{ derived, commits, types, lineage, refused, kept },
    })
    if (!now) continue
    if (lineage) shop.database.log = now.log
    tellTaken(taker, now, commits)
    if (derived.newer) throw new OutdatedCodeError(derived.newer, 1)
    return now
  }
  throw new StorageError('aborted', `Others rewrite the outbox of "${database.name}" all the time. Try again`)
}

/** Decides on the folds and writes, outside the transaction at first. Gives what is stored then; undefined: somebody else was faster. */
function decideAndWrite(
  { shop, database }: Taker,
  known: OutboxState,
  races: number,
  incoming: Incoming,
): Promise<OutboxState | undefined> {
  return shop.atHead(
    async (folds) => {
      const isAtHead = (now: OutboxState): boolean =>
        folds.every(({ failed, sequence }) => failed || sequence === now.marker.base)
      if (!isAtHead(known)) return
      const written =
        races < RACES_OUTSIDE
          ? await writeOutbox(database, known, plan(known, incoming, folds))
          : await writeInside(database, (now) => {
              const isSame = now.marker.base === known.marker.base && now.position.position === known.position.position
              return isSame && isAtHead(now) ? plan(now, incoming, folds) : undefined
            })
      if (!written) return
      for (const { record } of incoming.commits) shop.fold(record)
      return afterWriting(written)
    },
    // Nobody else writes commits of a log with a remote: mostly, the folds are at its head already.
    races > 0,
  )
}

function tellTaken({ shop }: Taker, now: OutboxState, commits: readonly ReadCommit[]): void {
  const head = commits.at(-1)?.record.last
  // A tab that shows what was rewritten reads the outbox.
  if (head === undefined) shop.post({ local: now.newest })
  else {
    shop.post({ head })
    shop.tables?.hear({ log: now.log.id, head })
  }
}

/** The types of the events. Throws OutdatedCodeError if this code does not know one of them. */
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
