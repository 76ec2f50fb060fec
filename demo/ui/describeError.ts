import { CommandRejected, CorruptLog, EngineClosed, OutdatedCodeError, StorageError } from 'tidemark'
import { count } from './format.ts'

const storage: Partial<Record<StorageError['kind'], string>> = {
  quota: 'the browser has no space left',
  unavailable: 'this browser does not let the page open a database (IndexedDB)',
  closed: 'the browser has closed the database',
}

/** A text for the user of the page. The message of the error is for its developer. */
export function describeError(error: unknown): string {
  if (error instanceof EngineClosed) {
    return error.reason === 'closed'
      ? 'this tab no longer follows the log'
      : 'the log of this tab was deleted or replaced by another one'
  }
  if (error instanceof OutdatedCodeError) return 'a newer version of this page has written to the log; reload'
  if (error instanceof CorruptLog) return `the log is damaged at event ${count(error.sequence)}`
  if (error instanceof CommandRejected) return `refused (${error.code})`
  const known = error instanceof StorageError && storage[error.kind]
  return known || (error instanceof Error ? error.message : String(error))
}
