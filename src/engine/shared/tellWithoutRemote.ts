import { withoutRemote } from '../../sync/withoutRemote.ts'
import type { Core } from '../core.ts'

/** The app has given a remote to a log that was begun without one: it stays as it is, and says so. */
export function tellWithoutRemote(core: Core): void {
  const error = withoutRemote(core.name)
  if (__DEV__) console.warn(`tidemark: ${error.message}`)
  core.sync ??= { state: 'waiting', rejected: 0, behind: 0, error }
  core.changed(false)
}
