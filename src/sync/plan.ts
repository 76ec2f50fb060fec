import type { CommandEntry, StoredCommand } from '../log/commit.ts'
import {
  type LocalCommand,
  type LocalRecord,
  localCommandsOf,
  localRecordsOf,
  type RejectedCommand,
} from '../log/local.ts'
import type { Fold } from '../model/fold.ts'
import { stringify } from '../model/json.ts'
import type { AnyModel } from '../model/model.ts'
import type { Derived } from './chain.ts'
import { conflicting, decideAgain } from './decideAgain.ts'
import type { ReadCommit } from './message.ts'
import type { TakenSegment } from './packTaken.ts'
import { type KnownSent, keepSent } from './sent.ts'
import type { OutboxState, OutboxWrite } from './store.ts'

/** The most commands in one record of a rewritten outbox. */
export const RECORD_COMMANDS = 500

export type EventTypesRead = readonly (readonly [type: string, version: number])[]

/** What to write, independent of later changes of the outbox. */
export interface Incoming {
  readonly model: AnyModel
  readonly derived: Derived
  readonly commits: readonly ReadCommit[]
  readonly types: EventTypesRead
  /** The lineage that an empty log takes over. */
  readonly lineage: string | undefined
  readonly refused: RejectedCommand | undefined
  readonly kept: KnownSent
  /** The commits as one segment, if the take may write a segment. */
  readonly packed: TakenSegment | undefined
}

export const commandsIn = ({ records }: Pick<OutboxState, 'records'>): LocalCommand[] =>
  records.flatMap(localCommandsOf)

/** Plans the changes that one transaction makes to log and outbox. Throws CannotDecide. */
export function plan(known: OutboxState, incoming: Incoming, folds: readonly Fold[]): OutboxWrite {
  const { derived, lineage, refused } = incoming
  const commits = incoming.commits.map(({ record }) => record)
  const { marker, log, records } = known
  const local = commandsIn(known)
  const ids = new Map(local.map((command) => [command.id, command]))
  const arrived: StoredCommand[] = []
  const entries = new Map<string, CommandEntry | undefined>()
  const sent: [first: number, own: readonly LocalCommand[]][] = []
  for (const { record: commit, commands } of incoming.commits) {
    let sequence = commit.first - 1
    const own: LocalCommand[] = []
    for (const command of commands) {
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
    packed: incoming.packed,
    entries,
    ...keepSent(incoming.kept, sent),
    types: incoming.types,
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
  const remaining = local.filter(({ id }) => !came.has(id) && id !== refused?.id)
  const conflicts = local.filter(({ id, fingerprint }) => came.has(id) && came.get(id)?.fingerprint !== fingerprint)
  const decided = decideAgain(incoming.model, folds, commits, remaining, base)
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

/** Plans the removal of the first commands of the outbox: the highest key to delete, and the rest of a partly sent record. */
function without(
  records: readonly LocalRecord[],
  count: number,
  marker: number,
): { readonly n: number; readonly rest: LocalRecord | undefined } {
  let remaining = count
  let n = marker
  for (const record of records) {
    const commands = localCommandsOf(record)
    if (commands.length > remaining) {
      return { n, rest: remaining ? { ...record, body: stringify(commands.slice(remaining)) } : undefined }
    }
    remaining -= commands.length
    n = record.n
    if (!remaining) break
  }
  return { n, rest: undefined }
}
