import type { Json } from '../../data.ts'
import { EngineClosed, ModelError } from '../../errors.ts'
import { recordedOf } from '../../log/commit.ts'
import type { Database } from '../../log/database.ts'
import { isOfReaction, isShared, type RejectedCommand } from '../../log/local.ts'
import { fromWire } from '../../log/wire.ts'
import type { AnyRecordedEvent } from '../../model/events.ts'
import { createContext } from '../../model/model.ts'
import { decideUndo, UNDO, type Undoing } from '../../sync/undoing.ts'
import { Caller } from '../caller.ts'
import type { Core } from '../core.ts'
import { enterNew } from '../dispatch.ts'
import { createPending } from '../pending.ts'
import { openCore } from '../tools/openCore.ts'
import type { Engine } from '../types.ts'
import { retried } from './composeLocal.ts'

/** A command that was durable on this device and that the shared log refused. */
export interface Rejected {
  readonly commandId: string
  readonly name: string
  readonly input: unknown
  /** When it was dispatched, in milliseconds since 1970. */
  readonly at: number
  readonly meta?: Json
  /** Why: what the command threw on the shared log. */
  readonly error: Error
  /** What it had given on this device. Their sequences were never in the log. */
  readonly events: readonly AnyRecordedEvent[]
  /** The last event of the shared log that it was refused on. */
  readonly sequence: number
  /**
   * Dispatches it once more, under the same id: resolves when it is durable here, to `true`; to `false` if somebody else has retried or
   * discarded it. Rejects with what the command throws now; then it stays rejected.
   */
  retry(): Promise<boolean>
  /** Forgets it. */
  discard(): Promise<void>
}

/**
 * The commands of this device that the shared log refused, the oldest first. Each stays until it is retried or discarded, also over a
 * reload; one that comes into the log after all leaves by itself. `status.sync.rejected` counts them.
 * @example
 * ```ts
 * import type { Engine } from 'tidemark'
 * import { rejected } from 'tidemark/sync'
 *
 * async function askAbout(engine: Engine<any, any, any>): Promise<void> {
 *   for (const one of await rejected(engine))
 *     if (confirm(`${one.error.message} Try again?`)) await one.retry()
 *     else await one.discard()
 * }
 * ```
 */
export async function rejected(engine: Engine<any, any, any>): Promise<readonly Rejected[]> {
  const core = openCore(engine)
  const { database } = core
  if (!database || !isShared(database.log))
    throw new ModelError('rejected: this log has no remote. Give one to openEngine')
  const { result } = await database.transact(['rejected'], 'readonly', (store) => store('rejected').getAll())
  const own = result.filter(({ id }) => !isOfReaction(id))
  return own.sort((a, b) => a.at - b.at).map((one) => rejectedOf(core, database, one))
}

function rejectedOf(core: Core, database: Database, stored: RejectedCommand): Rejected {
  const { id, name, input, at, meta, error, sequence } = stored
  return Object.freeze({
    commandId: id,
    name,
    input,
    at,
    ...(meta !== undefined && { meta }),
    error: fromWire(error),
    events: recordedOf(stored, sequence + 1, core.types),
    sequence,
    retry: () => retryRejected(core, database, stored),
    async discard() {
      await database.transact(['rejected'], 'readwrite', (store) => store('rejected').delete(id))
      tellFollower(core)
    },
  })
}

/** The follower of the remote counts what is rejected. */
const tellFollower = (core: Core): void => core.channel?.post({ log: core.logId, local: 0 })

/** The entry leaves in the transaction that puts the command into the outbox: from two tabs it goes there once. */
async function retryRejected(core: Core, database: Database, stored: RejectedCommand): Promise<boolean> {
  const { id, fingerprint, name, input, meta, ids } = stored
  const { result } = await database.transact(['rejected'], 'readonly', (store) => store('rejected').getKey(id))
  if (result === undefined) return false
  if (core.state !== 'ready') throw core.error ?? new EngineClosed('closed')
  await new Promise<void>((resolve, reject) => {
    const caller = new Caller({ meta: undefined, open: 0 }, () => resolve(), reject)
    const context = createContext(Date.now(), undefined, [...ids])
    // An undo is not a command of the model: it carries what it needs.
    // Its own undo wrote this input.
    const decide = name === UNDO ? () => decideUndo(core.folds, input as unknown as Undoing) : undefined
    const pending = createPending(id, fingerprint, name, input, meta, decide, context, caller)
    retried.add(pending)
    enterNew(core, pending)
    core.pump()
  })
  return true
}
