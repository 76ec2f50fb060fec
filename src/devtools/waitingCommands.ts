import type { Core } from '../engine/core.ts'
import { type LocalCommand, localCommandsOf } from '../log/local.ts'
import { outboxOf, whole } from '../log/outboxOf.ts'

/** The commands of this device that the remote has not ordered yet, in their order. */
export async function waitingCommands({ database }: Core): Promise<readonly LocalCommand[]> {
  if (!database?.hasNewer) return []
  const { result } = await database.transact(['outbox'], 'readonly', (store) => store('outbox').getAll(whole()))
  return outboxOf(result)?.records.flatMap(localCommandsOf) ?? []
}
