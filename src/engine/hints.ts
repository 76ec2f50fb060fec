import { EngineClosed } from '../errors.ts'
import type { Hint } from '../log/channel.ts'
import type { CommitRecord } from '../log/commit.ts'
import { fromWire } from '../log/wire.ts'
import { isOnDisk, noteCheckpoints } from './checkpoints.ts'
import type { Core } from './core.ts'
import { applyCommit, rebase } from './tab.ts'

/** Receives a hint from another tab or a host. */
export function takeHint(core: Core, hint: Hint): void {
  // Hints can't be applied before the snapshot is. Boot reads the log once more instead.
  if (!core.isOpen) core.behind = true
  // A hint of another log is ignored, because its sequences may happen to fit (rule 9).
  else if (hint.log === core.logId) {
    try {
      handleHint(core, hint)
    } catch {
      // Any page of this origin can post anything to the channel, so malformed hints are ignored.
    }
  }
}

function handleHint(core: Core, hint: Hint): void {
  if ('commit' in hint) {
    const { commit } = hint
    // With commands pending, each hint would decide all of them again, and a tab that writes without pause would block
    // this one.
    const fits = commit.first === core.head + 1 && !core.catchingUp && !core.behind && !core.pending.length
    if (fits) takeCommit(core, commit)
    else if (commit.last > core.head) core.behind = true
    if (core.behind) core.pump()
  } else if ('local' in hint) core.layer?.hear(hint.local)
  else if ('sync' in hint) {
    const { error, ...report } = hint.sync
    core.sync = { ...report, ...(error && { error: fromWire(error) }) }
    core.changed(false)
  } else if ('reactions' in hint) core.hearReactions?.(hint.reactions, hint.scanned)
  else if ('head' in hint) {
    if (hint.taken && core.layer?.hearTaken(hint.taken)) core.changed(false)
    else if (hint.head > core.head || (hint.adopted && hint.adopted.was === core.logId)) readMissed(core)
    else if (hint.adopted) void core.end(new EngineClosed('log replaced'))
  } else if ('projected' in hint) {
    noteCheckpoints(core, hint.projected)
    core.changed(false)
    // The host has persisted events that this tab has not seen, so the hints that carried them were lost.
    if (Object.values(hint.projected).some((at) => Number(at) > core.head)) readMissed(core)
  } else if ('progress' in hint) {
    showProgress(core, hint)
    core.changed(false)
  } else if ('mirror' in hint) {
    core.copy = { ...core.copy, mirror: hint.mirror }
    core.changed(false)
  } else if ('error' in hint) {
    core.error = fromWire(hint.error)
    core.changed(false)
  } else if ('draft' in hint) core.drafts?.hear(hint.draft)
  else if ('destroyed' in hint) void core.end(new EngineClosed('destroyed'))
}

/** Applies the commit of a hint. If that fails, the tab reads the log instead. */
function takeCommit(core: Core, commit: CommitRecord): void {
  try {
    rebase(core, () => applyCommit(core, commit))
  } catch {
    core.behind = true
  }
}

function showProgress(core: Core, { progress, projections }: Extract<Hint, { readonly progress: unknown }>): void {
  const isDone = progress.done >= progress.total
  for (const projection of projections) {
    if (isDone) core.progress.delete(projection)
    else core.progress.set(projection, progress)
  }
  for (const fold of core.projections)
    if (isOnDisk(fold) && projections.includes(fold.name)) fold.sequence = isDone ? Number.POSITIVE_INFINITY : 0
}

/** Reads the log, because hints may have been missed. */
export function readMissed(core: Core): void {
  if (core.state !== 'ready') return
  core.behind = true
  core.pump()
}
