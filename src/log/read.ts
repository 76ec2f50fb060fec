import type { CommitRecord } from './commit.ts'
import type { Database } from './database.ts'
import { type FindRecord, follow } from './follow.ts'
import { readSegment } from './sealed.ts'

/** `follow`, for callers that have the code for sealed segments. */
export const readAfter = (
  database: Database,
  after: number,
  signal?: AbortSignal,
  find?: FindRecord,
): AsyncGenerator<readonly CommitRecord[], void> => follow(readSegment, database, after, signal, find)
