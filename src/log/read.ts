import type { CommitRecord } from './commit.ts'
import type { Database } from './database.ts'
import { type FindRecord, readRecords } from './readRecords.ts'
import { readSegment } from './sealed.ts'

/** `readRecords`, for callers that have the code for sealed segments. */
export const readAfter = (
  database: Database,
  after: number,
  signal?: AbortSignal,
  find?: FindRecord,
): AsyncGenerator<readonly CommitRecord[], void> => readRecords(readSegment, database, after, signal, find)
