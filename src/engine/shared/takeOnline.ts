import { asError } from '../../caught.ts'
import { shareLog } from '../../sync/shareLog.ts'
import type { Core } from '../core.ts'
import { tellError } from './follower.ts'

/**
 * Takes a log online that was begun without a remote. If that is not possible now, the log stays as it is, and the
 * status says why.
 */
export async function takeOnline(core: Core): Promise<void> {
  const { database, logId: was, head } = core
  if (!database?.log) return
  try {
    const log = await shareLog(database)
    core.logId = log.id
    core.channel?.post({ log: was, head, adopted: log })
  } catch (error) {
    tellError(core, asError(error))
  }
}
