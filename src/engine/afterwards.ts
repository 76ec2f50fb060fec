import { CorruptLog, EngineClosed, ModelError, OutdatedCodeError, StorageError } from '../errors.ts'
import { failCommand, type Pending } from './pending.ts'
import { rebase, stop, type Tab } from './tab.ts'

// Handles the outcome of each step of a tab: decides which callers to tell, when to try again, and what the tab shows
// meanwhile.
//
//   raced, sealed     Another tab was faster: read the log, decide again.
//   not whole         The tail is too long to decide inside the transaction: read the log first.
//   arrived           The log was read to its end: open outcomes are known now, and the trouble is over.
//   quota             Make room: first send each command of the group alone, then delete the rows of the past, the
//                     mirror, drafts and pages. If that does not help, reject the command.
//   closed            Another log has this name, or the log was destroyed: the engine ends.
//   corrupt           The engine is 'failed', also if an upcast throws. Rows stay, commands are refused.
//   newer event       The engine is 'outdated'. Rows stay, commands are refused.
//   any other error   The storage failed, a file of the app could not be loaded, or this library has a bug.
//       In a transaction with commands: their outcome is open until the log has been read. Commands that are not in the
//       log are appended again: at once, then after 1 and 2 seconds. After four failures their callers get the error.
//       In a read: the tab does not follow its log. It says so in its status and tries again after 1, 2, 4 … 30 seconds.
//       Commands stay visible and wait. After four failures (about six seconds) their callers get the error, or
//       'unknown' if a transaction had the command. Acknowledged commands are not affected.

/** Milliseconds from a failed try to the next one, doubled by each further failure. */
export const RETRY_MS = 1000
export const RETRY_MAX_MS = 30_000
/** The longest wait while commands are pending. */
export const RETRY_PENDING_MAX_MS = 2000
/** The shortest wait between two tries in milliseconds, however often `nudge` is called. */
export const RETRY_CLOSEST_MS = 1000
/** After this many failures of the storage, the callers of a command get the error. */
export const FAILURES = 4

/** Another tab was faster, or a segment covers the record's key: the log is ahead. */
export function afterLoss(tab: Tab, commands: readonly Pending[], outcome: 'raced' | 'sealed' | 'not whole'): void {
  tab.behind = true
  if (outcome === 'raced') countRace(commands)
  // The tab has to read the log next. `next` would decide inside a transaction again while lost races are counted.
  if (outcome === 'not whole') for (const pending of tab.pending) pending.tries = { ...pending.tries, races: 0 }
}

/**
 * The log was read to its end. A command that is still 'unsure' is not in it, because catch-up settles those that are.
 */
export function afterArrival(tab: Tab): void {
  const { trouble, pending } = tab
  tab.trouble = undefined
  const unsure = pending.filter(({ phase }) => phase === 'unsure')
  for (const one of unsure) one.phase = 'waiting'
  const over = unsure.filter(({ tries }) => tries.failures >= FAILURES)
  rejectCommands(tab, over, tab.error!)
  // The tab is behind again, because others write faster than it decides.
  if (tab.behind) countRace(pending)
  if (trouble) tab.changed(false)
}

function countRace(commands: readonly Pending[]): void {
  for (const pending of commands) pending.tries = { ...pending.tries, races: pending.tries.races + 1 }
}

/** The final state of an engine after this error; undefined if the engine can recover. */
export function stateAfter(error: unknown): Exclude<Tab['state'], 'ready'> | undefined {
  if (error instanceof EngineClosed) return 'closed'
  if (error instanceof OutdatedCodeError) return 'outdated'
  if (error instanceof CorruptLog || error instanceof ModelError) return 'failed'
  return undefined
}

export function afterError(tab: Tab, thrown: unknown): void {
  const error = thrown instanceof Error ? thrown : new StorageError('aborted', String(thrown), thrown)
  const sent = tab.pending.filter(({ phase }) => phase === 'in transaction')
  const state = stateAfter(error)
  if (state) afterEnd(tab, state, error, sent)
  else if (!sent.length) afterFailedRead(tab, error)
  else if (error instanceof StorageError && error.kind === 'quota') afterQuota(tab, sent, error)
  else afterFailedTransaction(tab, sent, error)
}

/** These errors are thrown before anything is written, so the commands of this transaction left nothing behind. */
function afterEnd(tab: Tab, state: Exclude<Tab['state'], 'ready'>, error: Error, sent: readonly Pending[]): void {
  for (const pending of sent) pending.phase = 'waiting'
  // A tab that has ended reads the log only to settle unsure commands. If that fails too, no later read will settle
  // them.
  if (tab.state !== 'ready') rejectCommands(tab, tab.pending, error)
  if (tab.state === 'ready' || state === 'closed') rebase(tab, () => stop(tab, state, error))
}

function afterQuota(tab: Tab, sent: readonly Pending[], error: StorageError): void {
  const [first] = sent
  if (tab.state === 'ready') tab.error = error
  for (const pending of sent) pending.phase = 'waiting'
  if (sent.length > 1) for (const pending of sent) pending.tries = { ...pending.tries, alone: true }
  else if (first && tab.database && first.tries.room < Infinity) tab.full = first
  else rejectCommands(tab, sent, error)
}

function afterFailedTransaction(tab: Tab, sent: readonly Pending[], error: Error): void {
  tab.behind = true
  if (tab.state === 'ready') tab.error = error
  countFailure(sent)
  const failures = Math.max(...sent.map(({ tries }) => tries.failures))
  // The first retry does not wait: mostly the connection was lost, and there is a new one by now.
  if (failures > 1) tab.appendFrom = performance.now() + waitAfter(failures - 2, RETRY_PENDING_MAX_MS)
  for (const pending of sent) pending.phase = pending.attempts ? 'unsure' : 'waiting'
  const over = sent.filter(({ phase, tries }) => phase === 'waiting' && tries.failures >= FAILURES)
  rejectCommands(tab, over, error)
}

function afterFailedRead(tab: Tab, error: Error): void {
  const { pending, state, trouble } = tab
  tab.behind = true
  countFailure(pending)
  rejectCommands(tab, state === 'ready' ? pending.filter(({ tries }) => tries.failures >= FAILURES) : pending, error)
  if (state !== 'ready') return
  const { since = Date.now(), error: first = error, tries = 0 } = trouble ?? {}
  const last = performance.now()
  const wait = waitAfter(tries, pending.length ? RETRY_PENDING_MAX_MS : RETRY_MAX_MS)
  tab.trouble = { since, error: first, tries: tries + 1, last, until: last + wait }
  if (trouble) return
  tab.error = error
  tab.changed(false)
}

const waitAfter = (tries: number, most: number): number => Math.min(RETRY_MS * 2 ** tries, most)

function countFailure(commands: readonly Pending[]): void {
  for (const pending of commands) pending.tries = { ...pending.tries, failures: pending.tries.failures + 1 }
}

/** Rejects these commands and decides the others again without them. */
function rejectCommands(tab: Tab, failed: readonly Pending[], error: Error): void {
  if (!failed.length) return
  rebase(tab, () => {
    for (const pending of [...failed])
      failCommand(tab, pending, pending.phase === 'unsure' ? outcomeUnknown(error) : error)
  })
}

const outcomeUnknown = (cause: Error): StorageError =>
  new StorageError(
    'unknown',
    'It could not be found out whether this command is in the log: ask again with the same commandId.',
    cause,
  )

/** Rejects the commands of an ended tab that are not in a transaction. */
export function dismiss(tab: Tab): void {
  rejectCommands(
    tab,
    tab.pending.filter(({ phase }) => phase === 'waiting'),
    tab.error!,
  )
}

/**
 * Brings the next try forward: after a hint, a focus, a command, or when the network is back. It is not always
 * immediate.
 */
export function nudge(tab: Tab): void {
  const { trouble } = tab
  if (trouble) tab.trouble = { ...trouble, until: Math.min(trouble.until, trouble.last + RETRY_CLOSEST_MS) }
}
