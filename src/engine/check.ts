import { OutdatedCodeError, StorageError } from '../errors.ts'
import type { LogIdentity } from '../log/database.ts'
import type { EventTypesAtRuntime } from '../model/events.ts'
import type { Snapshot } from '../projections/snapshot.ts'

/** The newest format of a log that this code reads and appends to. */
const NEWEST_FORMAT = 4

/** The state of a stored log, which decides what boot does. */
export type Verdict =
  /** It is not a log of this library, or it is damaged. Nothing may be changed. */
  | { readonly is: 'damaged'; readonly error: StorageError }
  /** The database is new, and nobody has looked for a mirror of its log yet. */
  | { readonly is: 'unlooked' }
  /** A newer build wrote to it (rule 17). */
  | { readonly is: 'outdated'; readonly error: OutdatedCodeError }
  /** It was archived, and some projections have to start at its base. */
  | { readonly is: 'on a base' }
  | { readonly is: 'fine' }

/** Checks what boot read before the first fold. `lowest` is the lowest sequence of a resident projection. */
export function checkStored(
  name: string,
  log: LogIdentity | undefined,
  types: Snapshot['types'],
  code: EventTypesAtRuntime,
  lowest: number,
): Verdict {
  // Stored values are not trusted: they may be damaged or missing.
  if (!(typeof log?.id === 'string' && Number.isInteger(log.format)))
    return { is: 'damaged', error: damaged(name, 'meta', log) }
  const strange = types.findIndex((one) => !(typeof one?.type === 'string' && Number.isInteger(one.version)))
  if (strange >= 0) return { is: 'damaged', error: damaged(name, 'types', types[strange]) }
  const { format, base = 0 } = log
  if (!format) return { is: 'unlooked' }
  // A newer build's worker may have folded events that this code does not know into the rows.
  const unknown = types.find(({ type, version }) => !code.knows(type, version))
  if (unknown) return { is: 'outdated', error: new OutdatedCodeError(unknown.type, unknown.version) }
  if (!(format <= NEWEST_FORMAT)) return { is: 'outdated', error: new OutdatedCodeError('log format', format) }
  return lowest < base ? { is: 'on a base' } : { is: 'fine' }
}

/** The error for a damaged identity or list of types. Neither can be derived from other data, so nothing is changed. */
function damaged(name: string, store: 'meta' | 'types', found: unknown): StorageError {
  const shown = typeof found === 'object' && found ? 'an object with other properties' : String(found).slice(0, 100)
  return new StorageError(
    'unavailable',
    `"tidemark:${name}" is damaged or another program's: its store "${store}" holds ${shown}. Nothing was changed. ` +
      'Open another name, or delete that database: its log is restored if it has a second copy.',
  )
}
