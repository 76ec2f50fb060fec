import { asError } from '../../caught.ts'
import { goOnline } from '../../sync/goOnline.ts'
import type { Core } from '../core.ts'
import { tellError } from './follower.ts'

/** The app has given a remote to a log that was begun without one. If it can't have one now, it stays as it is, and says so. */
export async function takeOnline(core: Core): Promise<void> {
  const { database, logId: was, head } = core
  if (!database?.log) return
  try {
    const log = await goOnline(database)
    core.logId = log.id
    core.channel?.post({ log: was, head, adopted: log })
  } catch (error) {
    tellError(core, asError(error))
  }
}
