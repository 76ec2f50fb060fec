import type { Database } from '../log/database.ts'
import { readAfter } from '../log/read.ts'
import type { Derived } from './chain.ts'
import type { ReadCommit } from './message.ts'
import type { OutboxState } from './store.ts'

/** Thrown if the log of the remote is not the log of this device. */
export class OtherLog extends Error {
  readonly state: 'forked' | 'other-log'
  constructor(state: 'forked' | 'other-log', message: string) {
    super(message)
    this.state = state
  }
}

/** Returns the lineage that an empty log takes over from the remote. */
export function assertSameLog({ log, marker }: OutboxState, { lineage, commits }: Derived): string | undefined {
  if (lineage === undefined || lineage === log.lineage || !commits.length) return
  if (!marker.base) return lineage
  throw new OtherLog('other-log', `The remote has another log: lineage ${lineage} instead of ${log.lineage}`)
}

/** Returns the commits that the log lacks. Throws OtherLog if the log has other commits at their sequences. */
export async function newCommits(
  database: Database,
  { marker }: OutboxState,
  { commits }: Derived,
): Promise<readonly ReadCommit[]> {
  const known = commits.filter(({ record }) => record.first <= marker.base)
  if (!known.length) return commits
  const wanted = known[Symbol.iterator]()
  let next = wanted.next()
  for await (const records of readAfter(database, known[0]!.record.first - 1)) {
    for (const record of records) {
      if (next.done) break
      const theirs = next.value.record
      if (record.first !== theirs.first || record.id !== theirs.id) throw forked(theirs.first)
      next = wanted.next()
    }
    if (next.done) break
  }
  if (!next.done) throw forked(next.value.record.first)
  return commits.slice(known.length)
}

const forked = (sequence: number): OtherLog =>
  new OtherLog('forked', `The remote has other events than this device from ${sequence} on`)
