import { CorruptLog, EngineClosed, ModelError, OutdatedCodeError, StorageError } from '../errors.ts'
import { failCommand, type Pending } from './pending.ts'
import { rebase, stop, type Tab } from './tab.ts'

// The one place that knows what came of a step: who is told, when the log is asked again, and what is true meanwhile.
//
//   raced, sealed     another tab was faster: read, decide again
//   not whole         the tail can't be decided on inside a transaction: read
//   arrived           the log was read to its end: what was unsure is known, what troubled the tab is over
//   quota             something is dropped: the neighbours of a group, the mirror, drafts, the pages; then the caller is told
//   closed            another log has this name, or the log was destroyed: the engine ends
//   corrupt, an upcast that throws: 'failed'; an event of a newer build: 'outdated'. Rows stay, commands are refused
//   anything else     (the storage failed, a file of the app could not be loaded, a mistake of ours)
//       of a transaction with commands: their outcome is open until the log has been read. What is not in it is appended
//       again: at once, then after 1 and 2 seconds. After four failures the callers are told
//       of a read: the tab does not follow its log, says so, and tries again after 1, 2, 4 … 30 seconds. Commands stay
//       visible and wait. After four failures, which take some six seconds, their callers are told: 'unknown' if a
//       transaction had them, else the error. Nothing that was acknowledged is affected.

/** Milliseconds from a try that failed to the next one; each further failure doubles them. */
export const RETRY_MS = 1000
export const RETRY_MAX_MS = 30_000
/** The longest wait while commands are pending. */
export const RETRY_PENDING_MAX_MS = 2000
/** Milliseconds between two tries at least, however often somebody asks. */
export const RETRY_CLOSEST_MS = 1000
/** Failures of the storage after which the callers of a command are told. */
export const FAILURES = 4

/** Another tab was faster, or the record fell under the seal: the log is ahead. */
export function afterLoss(tab: Tab, commands: readonly Pending[], outcome: 'raced' | 'sealed' | 'not whole'): void {
  tab.behind = true
  if (outcome === 'raced') countRace(commands)
  // Only reading helps, and commands that still count their lost races would keep the tab from it.
  if (outcome === 'not whole') for (const pending of tab.pending) pending.tries = { ...pending.tries, races: 0 }
}

/** The log was read to its end: a command whose outcome was open is not in it, or it would be settled. */
export function afterArrival(tab: Tab): void {
  const { trouble, pending } = tab
  tab.trouble = undefined
  const unsure = pending.filter(({ phase }) => phase === 'unsure')
  for (const one of unsure) one.phase = 'waiting'
  const over = unsure.filter(({ tries }) => tries.failures >= FAILURES)
  rejectCommands(tab, over, tab.error!)
  // Behind again: others write faster than this tab decides.
  if (tab.behind) countRace(pending)
  if (trouble) tab.changed(false)
}

function countRace(commands: readonly Pending[]): void {
  for (const pending of commands) pending.tries = { ...pending.tries, races: pending.tries.races + 1 }
}

/** The state in which an error leaves an engine for good; undefined if it may pass. */
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

/** These errors come before anything is written: the commands of this transaction left nothing. */
function afterEnd(tab: Tab, state: Exclude<Tab['state'], 'ready'>, error: Error, sent: readonly Pending[]): void {
  for (const pending of sent) pending.phase = 'waiting'
  // An ended tab reads for the sake of unsure commands only: nothing else will be known of them.
  if (tab.state !== 'ready') rejectCommands(tab, tab.pending, error)
  if (tab.state === 'ready' || state === 'closed') rebase(tab, () => stop(tab, state, error))
}

function afterQuota(tab: Tab, sent: readonly Pending[], error: StorageError): void {
  const [first] = sent
  if (tab.state === 'ready') tab.error = error
  for (const pending of sent) pending.phase = 'waiting'
  if (sent.length > 1) for (const pending of sent) pending.tries = { ...pending.tries, alone: true }
  else if (first && tab.database && first.tries.room < 3) tab.full = first
  else rejectCommands(tab, sent, error)
}

function afterFailedTransaction(tab: Tab, sent: readonly Pending[], error: Error): void {
  tab.behind = true
  if (tab.state === 'ready') tab.error = error
  countFailure(sent)
  const failures = Math.max(...sent.map(({ tries }) => tries.failures))
  // At once after the first failure: mostly the connection was lost, and there is another by now.
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

/** Rejects these commands, and decides the others without them. */
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

/** An ended tab answers the commands that no transaction has any more. */
export function dismiss(tab: Tab): void {
  rejectCommands(
    tab,
    tab.pending.filter(({ phase }) => phase === 'waiting'),
    tab.error!,
  )
}

/** Somebody asks: a hint, the focus, a command, the network that is back. The next try comes earlier, if not at once. */
export function nudge(tab: Tab): void {
  const { trouble } = tab
  if (trouble) tab.trouble = { ...trouble, until: Math.min(trouble.until, trouble.last + RETRY_CLOSEST_MS) }
}
