import { sleep } from '../async.ts'
import type { Core } from './core.ts'

/** Milliseconds after which a visit counts as done, even if not everything is persisted. */
const VISIT_MS = 10_000
/** Milliseconds that are left for what the app itself loads after its first work. */
const AFTER_VISIT_MS = 1000

/** Milliseconds for which the start of the worker waits for a first command, if nobody asks the worker anything. */
const FIRST_COMMAND_MS = 100
/** The longest time that the start of the worker waits for the first commands, in milliseconds. */
const FIRST_COMMANDS_MS = 1000
/** Milliseconds without a command after which the first commands are over. */
const PAUSE_MS = 20

/**
 * Resolves when the commands with which the app began are in the log, or after a moment without any. Starting a worker
 * earlier would slow them down: it reads the snapshot and parses code on the same cores, and opens the same database.
 */
export async function firstCommandsAreIn(core: Core): Promise<void> {
  const { ended } = core
  const until = performance.now() + FIRST_COMMANDS_MS
  await sleep(FIRST_COMMAND_MS, ended).catch(() => {})
  while (core.pending.length && !ended.aborted && performance.now() < until) {
    await core.nextChange()
    await sleep(PAUSE_MS, ended).catch(() => {})
  }
}

/** Resolves a little after this tab's first commands are persisted. Rejects when the engine ends. */
export async function visitIsDone(core: Core): Promise<void> {
  const { ended } = core
  const until = performance.now() + VISIT_MS
  const isBusy = (): boolean => core.pending.length > 0 || core.status.projected < core.head
  while (isBusy() && !ended.aborted && performance.now() < until) await core.nextChange()
  await sleep(AFTER_VISIT_MS, ended)
}
