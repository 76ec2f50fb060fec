import { OutdatedCodeError, StorageError } from '../errors.ts'
import type { LogIdentity } from '../log/database.ts'
import type { EventTypesAtRuntime } from '../model/events.ts'
import type { Snapshot } from '../projections/snapshot.ts'

/** The newest format of a log that this code reads and appends to. */
const NEWEST_FORMAT = 4

/** What a boot has to do with the log it found. */
export type Verdict =
  /** It is not a log of this library, or it was damaged: nothing may be changed. */
  | { readonly is: 'damaged'; readonly error: StorageError }
  /** The database is new: its log may have a second copy. */
  | { readonly is: 'unlooked' }
  /** A newer build wrote to it (rule 17). */
  | { readonly is: 'outdated'; readonly error: OutdatedCodeError }
  /** It was archived, and some projections have to begin at its base. */
  | { readonly is: 'on a base' }
  | { readonly is: 'fine' }

/** Looks at what a boot read, before the first fold. `lowest` is the lowest sequence of a resident projection. */
export function checkStored(
  name: string,
  log: LogIdentity | undefined,
  types: Snapshot['types'],
  code: EventTypesAtRuntime,
  lowest: number,
): Verdict {
  // What is stored may be anything, or nothing at all.
  if (!(typeof log?.id === 'string' && Number.isInteger(log.format)))
    return { is: 'damaged', error: damaged(name, 'meta', log) }
  const strange = types.findIndex((one) => !(typeof one?.type === 'string' && Number.isInteger(one.version)))
  if (strange >= 0) return { is: 'damaged', error: damaged(name, 'types', types[strange]) }
  const { format, base = 0 } = log
  if (!format) return { is: 'unlooked' }
  // A newer build's worker may have persisted rows of events that this code does not know.
  const unknown = types.find(({ type, version }) => !code.knows(type, version))
  if (unknown) return { is: 'outdated', error: new OutdatedCodeError(unknown.type, unknown.version) }
  if (!(format <= NEWEST_FORMAT)) return { is: 'outdated', error: new OutdatedCodeError('log format', format) }
  return lowest < base ? { is: 'on a base' } : { is: 'fine' }
}

/** What says which log this is, or which events are in it, can't be derived from anything else: it is left as it was found. */
function damaged(name: string, store: 'meta' | 'types', found: unknown): StorageError {
  const shown = typeof found === 'object' && found ? 'an object with other properties' : String(found).slice(0, 100)
  return new StorageError(
    'unavailable',
    `"tidemark:${name}" is damaged or another program's: its store "${store}" holds ${shown}. Nothing was changed. ` +
      'Open another name, or delete that database: its log is restored if it has a second copy.',
  )
}
