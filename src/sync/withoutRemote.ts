import { StorageError } from '../errors.ts'

/** The reason why a log that was begun without a remote is not synchronised. */
export type Obstacle = 'others' | 'archived' | 'no locks'

/** The error of a log that was begun without a remote, was opened with one, and can't be taken online now. */
export const withoutRemote = (name: string, why: Obstacle, cause?: unknown): StorageError =>
  new StorageError(
    'unavailable',
    `"${name}" is not synchronised: this log was begun without a remote. Nothing is sent and nothing is received, and commands are kept ` +
      `on this device as before. ${REASONS[why]}`,
    cause,
  )

const REASONS: Readonly<Record<Obstacle, string>> = {
  others: 'It goes online when one tab opens it alone: close the other tabs of this site, and reload this one',
  archived:
    'Its first events were archived, so a remote could not have all of it. Make a whole log of the archive files and an export (importLog), ' +
    'and open that with the remote',
  'no locks': 'This browser has no Web Locks, so nobody knows whether this tab is alone',
}
