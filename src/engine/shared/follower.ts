import { ModelError, StorageError } from '../../errors.ts'
import type { Core } from '../core.ts'

/** Milliseconds between two questions for the state of the remote, until there is an answer. */
const ASK_REMOTE_MS = 2000
/**
 * The number of unanswered questions that show that no worker or page follows the remote. They take longer than 15 seconds, after
 * which a frozen holder is replaced.
 */
const QUESTIONS = 12

/**
 * Asks the follower of this log's remote for its state. If there is no answer, `status.sync.error` says which option is
 * missing.
 */
export function expectFollower(core: Core): void {
  let asked = 0
  let timer: ReturnType<typeof setTimeout> | undefined
  function ask(): void {
    if (core.ended.aborted || core.sync) return
    if (asked++ < QUESTIONS) core.channel?.post({ log: core.logId, asks: 'sync' })
    else tellError(core, new ModelError(nobody(core.name)))
    if (asked <= QUESTIONS) timer = setTimeout(ask, ASK_REMOTE_MS)
  }
  core.ended.addEventListener('abort', () => clearTimeout(timer))
  ask()
}

/** Reports that a log in memory ignores its remote: nothing is stored, so nothing can be sent. */
export const tellInMemory = (core: Core): void =>
  tellError(
    core,
    new StorageError(
      'unavailable',
      `"${core.name}" is in memory: the remote is not used, nothing is sent and nothing is received. Open it without storage: 'memory'`,
    ),
  )

export function tellError(core: Core, error: Error): void {
  if (__DEV__) console.warn(`tidemark: ${error.message}`)
  core.sync ??= { state: 'waiting', rejected: 0, behind: 0, error }
  core.changed(false)
}

const nobody = (name: string): string =>
  `Nobody follows the remote of "${name}": nothing is sent and nothing is received, and commands are kept on this device. Give the same ` +
  'remote to openEngine and to hostProjections'
