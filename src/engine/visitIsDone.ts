import { sleep } from '../async.ts'
import type { Core } from './core.ts'

/** Milliseconds after which a tab that has not persisted everything yet is taken for settled, too. */
const VISIT_MS = 10_000
/** Milliseconds that are left to what the app itself loads behind its first work. */
const AFTER_VISIT_MS = 1000

/** Milliseconds that the worker's start waits for the first commands, at most. */
const FIRST_COMMANDS_MS = 1000
/** Milliseconds without a command after which the first ones are over. */
const PAUSE_MS = 20

/**
 * Resolves at once, or if the app began with commands, when they are in the log. A worker that starts reads the snapshot and
 * parses code on the same few cores, and opens the same database.
 */
export async function firstCommandsAreIn(core: Core): Promise<void> {
  const { ended } = core
  const until = performance.now() + FIRST_COMMANDS_MS
  while (core.pending.length && !ended.aborted && performance.now() < until) {
    await core.nextChange()
    await sleep(PAUSE_MS, ended).catch(() => {})
  }
}

/** Resolves when what this tab wrote first is persisted, and a little later. Rejects when the engine ends. */
export async function visitIsDone(core: Core): Promise<void> {
  const { ended } = core
  const until = performance.now() + VISIT_MS
  const isBusy = (): boolean => core.pending.length > 0 || core.status.projected < core.head
  while (isBusy() && !ended.aborted && performance.now() < until) await core.nextChange()
  await sleep(AFTER_VISIT_MS, ended)
}
