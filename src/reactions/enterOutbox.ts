import type { Json } from '../data.ts'
import { nextId } from '../ids.ts'
import type { ExtraWrite } from '../log/append.ts'
import { type Cause, recordedOf } from '../log/commit.ts'
import { above, type Database, type StoreName } from '../log/database.ts'
import { type LocalCommand, type LocalRecord, localCommandsOf } from '../log/local.ts'
import { appendLocal } from '../log/outbox.ts'
import { outboxOf, whole } from '../log/outboxOf.ts'
import { eventTypes, type StoredEvent } from '../model/events.ts'
import { type Fold, type Journal, undo } from '../model/fold.ts'
import { stringify } from '../model/json.ts'
import { type AnyModel, commandReadOf, createContext, type DispatchContext, decide } from '../model/model.ts'

/** A command of a reaction on its way into the outbox. */
export interface Entering {
  readonly id: string
  readonly name: string
  readonly input: unknown
  readonly meta: unknown
  readonly cause: Cause | undefined
  readonly device: string
  readonly extra: ExtraWrite | undefined
  readonly durability: 'relaxed' | 'strict'
}

/** What the caller knows of the outbox from one command to the next. */
export interface KnownOutbox {
  /** The key of the newest known marker. */
  marker: number
}

/** The outcome of `enterOutbox`. */
export type Entered =
  | { readonly is: 'entered'; readonly record: LocalRecord }
  /** The command is in the outbox or in the log already. */
  | { readonly is: 'known' }
  /** The command produces no events, decided at this sequence of the shared log. */
  | { readonly is: 'nothing'; readonly sequence: number }
  /** Another writer was faster. Try again. */
  | { readonly is: 'raced' }

/**
 * Decides a command after everything in the outbox and appends it there, in one transaction with `extra`. A command that is refused after
 * other commands of this device is appended without events: the shared log decides. Throws what the command throws on the shared log.
 * Reads the outbox as a whole, because the folds are everyone's and may change only within one task. It has few records: the follower packs it.
 */
export async function enterOutbox(
  database: Database,
  model: AnyModel,
  folds: readonly Fold[],
  entering: Entering,
  known: KnownOutbox,
): Promise<Entered> {
  const { id, extra } = entering
  const head = Math.max(0, ...folds.map(({ sequence }) => sequence))
  const asked = await database.transact(['segments', 'commits', 'outbox', 'commands'], 'readonly', (store) => ({
    segment: store('segments').getKey(above(head)),
    commit: store('commits').getKey(above(head)),
    outbox: store('outbox').getAll(whole(known.marker)),
    entry: store('commands').get(id),
  }))
  const outbox = outboxOf(asked.outbox.result)
  known.marker = outbox?.marker.n ?? 0
  const local = outbox?.records.flatMap(localCommandsOf) ?? []
  if (asked.entry.result) {
    const { outbox: waits } = asked.entry.result
    if (!waits || local.some((command) => command.id === id)) {
      await write(database, extra)
      return { is: 'known' }
    }
    // The entry is left over from a record below the marker, or from a record that was taken meanwhile.
    await database.transact(['commands'], 'readwrite', (store) => {
      const found = store('commands').get(id)
      found.onsuccess = () => found.result?.commit === asked.entry.result?.commit && store('commands').delete(id)
    })
    return { is: 'raced' }
  }
  if (!outbox || asked.segment.result !== undefined || asked.commit.result !== undefined) return { is: 'raced' }
  const context = createContext(Date.now())
  const events = decideBehind(model, folds, local, entering, context, head)
  if (!events.length && !local.length) {
    await write(database, extra)
    return { is: 'nothing', sequence: head }
  }
  const n = (outbox.records.at(-1)?.n ?? outbox.marker.n) + 1
  const record: LocalRecord = { n, id: nextId(), body: stringify([commandOf(entering, context, events, model)]) }
  const outcome = await appendLocal(database, record, {
    marker: outbox.marker.n,
    entries: [[id, { sequence: 0, commit: record.id, fingerprint: entering.name, outbox: true }]],
    retried: [id],
    durability: entering.durability,
    extra: extra && [extra],
  })
  return outcome === 'appended' ? { is: 'entered', record } : { is: 'raced' }
}

async function write(database: Database, extra: ExtraWrite | undefined): Promise<void> {
  // `extra` names stores of this database.
  if (extra) await database.transact([...extra.stores] as StoreName[], 'readwrite', (store) => extra.write(store))
}

/** Decides the command after the commands in `local`. Afterwards the folds are as before. */
function decideBehind(
  model: AnyModel,
  folds: readonly Fold[],
  local: readonly LocalCommand[],
  { name, input }: Entering,
  context: DispatchContext,
  head: number,
): readonly StoredEvent[] {
  const types = eventTypes(model.events)
  const journal: Journal = []
  let tip = head
  try {
    for (const command of local) {
      for (const event of recordedOf(command, tip + 1, types))
        for (const fold of folds) if (!fold.failed) fold.apply(event, journal)
      tip += command.events.length
    }
    return decide(model, name, commandReadOf(folds), input, context)
  } catch (error) {
    if (!local.length) throw error
    return []
  } finally {
    undo(journal)
  }
}

const commandOf = (
  { id, name, input, meta, cause, device }: Entering,
  { now, ids }: DispatchContext,
  events: readonly StoredEvent[],
  { version = 1 }: AnyModel,
): LocalCommand => ({
  id,
  fingerprint: name,
  at: now,
  // `dispatch` has copied it as JSON.
  ...(meta !== undefined && { meta: meta as Json }),
  ...(cause && { cause }),
  device,
  events,
  name,
  // `dispatch` has copied it as JSON.
  ...(input !== undefined && { input: input as Json }),
  ids,
  model: version,
})
