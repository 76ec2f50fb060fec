import { localRecordsOf } from '../log/local.ts'
import { commandsIn, RECORD_COMMANDS } from './plan.ts'
import type { Following } from './readOn.ts'
import { type OutboxState, writeOutbox } from './store.ts'

/** The number of records from which the outbox is packed: a boot reads few large records faster than many small ones (rule 11). */
const PACK_FROM = 64

/** Packs many small records of the outbox into a few. Returns whether it did. If a tab appends meanwhile, it does nothing. */
export async function pack({ database }: Following, known: OutboxState): Promise<boolean> {
  const { records, marker, newest } = known
  const commands = commandsIn(known)
  if (records.length <= PACK_FROM || Math.ceil(commands.length / RECORD_COMMANDS) * 2 > records.length) return false
  const n = newest + 1
  const written = await writeOutbox(database, known, {
    outbox: {
      is: 'new',
      marker: { ...marker, n, generation: marker.generation + 1 },
      records: localRecordsOf(commands, n, RECORD_COMMANDS),
    },
    commits: [],
    types: [],
    entries: new Map(),
    rejected: [],
    settled: [],
    sent: [],
    forget: 0,
    position: undefined,
    log: undefined,
  })
  return written !== undefined
}
