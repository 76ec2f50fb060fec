import { CommandIdConflict, StorageError } from '../../errors.ts'
import { nextId } from '../../ids.ts'
import type { Hint } from '../../log/channel.ts'
import { type CommitRecord, commandsOf, recordedOf, type StoredCommand } from '../../log/commit.ts'
import type { RejectedCommand } from '../../log/local.ts'
import { fromWire } from '../../log/wire.ts'
import type { AnyRecordedEvent } from '../../model/events.ts'
import type { AnyReceipt, Caller } from '../caller.ts'
import { enterNew } from '../dispatch.ts'
import { NO_TRIES, type Pending } from '../pending.ts'
import type { Tab } from '../tab.ts'

/**
 * Milliseconds before a read of the remote is requested again: the hint may be lost, or the follower that got it may be
 * gone.
 */
const READ_REMOTE_AGAIN_MS = 2000

/** Settles the callers that wait until the remote has ordered or rejected their command (`durability: 'remote'`). */
export interface Verdicts {
  /** The ids of the commands that are durable here and wait for the remote. */
  ids(): string[]
  /**
   * Removes the callers that wait for the remote from a command that is durable here. They are settled later. `record`
   * is the record that holds the command, if this tab appended it.
   */
  keep(pending: Pending, duplicate: boolean, record: string | undefined): void
  /**
   * Holds back a command that was rejected or gave no events on this device, if callers wait for the remote: the shared
   * log may decide otherwise. The command leaves the tab until the remote was read once more, and is then decided
   * again. Returns whether it has left. `settleNow` settles the callers that do not wait for the remote.
   */
  hold(pending: Pending, settleNow: (pending: Pending) => void): boolean
  /** Settles the callers of commands that a new commit of the log holds. */
  arrived(record: CommitRecord): void
  /** Settles these commands, after the log and the outbox were read to their ends. */
  settle(ids: readonly string[], isLocal: (id: string) => boolean, rejected: readonly RejectedCommand[]): void
  /** Stops waiting: `who` is one caller or one handle; undefined means all callers. */
  leave(who: unknown, reason: unknown): void
}

interface Waiting {
  readonly caller: Caller
  readonly fingerprint: string | undefined
  readonly duplicate: boolean
}

export function createVerdicts(tab: Tab): Verdicts {
  const waiting = new Map<string, Waiting[]>()
  /** Commands that wait for a read of the remote, by the id of the read. */
  const remoteReads = new Map<string, Pending[]>()
  /** Callers and handles that left while a transaction had the command, with the reason. */
  const departed = new WeakMap<object, unknown>()
  const hasLeft = (caller: Caller): boolean => departed.has(caller) || departed.has(caller.owner)
  let timer: ReturnType<typeof setTimeout> | undefined
  const end = tab.channel?.share(hear)

  function tell(id: string, answer: (one: Waiting) => void): void {
    const answered = waiting.get(id) ?? []
    waiting.delete(id)
    answered.forEach(answer)
  }

  const resolve = (
    { caller, duplicate }: Waiting,
    id: string,
    sequence: number,
    events: readonly AnyRecordedEvent[],
  ): void =>
    caller.resolve(
      Object.freeze({ commandId: id, sequence, events, duplicate: duplicate && !!events.length } satisfies AnyReceipt),
    )

  /** The follower, which talks to the remote, has read it once more: the commands that waited for that are decided again. */
  function hear(hint: Hint): void {
    if (hint.log !== tab.logId || !('remoteRead' in hint) || hint.by !== 'follower') return
    const commands = hint.remoteRead.flatMap((read) => remoteReads.get(read) ?? [])
    for (const read of hint.remoteRead) remoteReads.delete(read)
    if (!remoteReads.size) clearTimeout(timer)
    if (!commands.length) return
    tab.behind = true
    for (const pending of commands) {
      for (const caller of pending.callers) caller.remote = 'read'
      enter(pending)
    }
  }

  /** Decides a command again, after the remote was read. */
  function enter(pending: Pending): void {
    pending.callers = pending.callers.filter((caller) => !hasLeft(caller))
    const same = pending.fingerprint !== undefined && tab.pending.find(({ id }) => id === pending.id)
    if (tab.state !== 'ready') for (const caller of pending.callers) caller.reject(tab.error)
    else if (pending.callers.length && same) {
      same.after ??= []
      same.after.push(() => enter(pending))
    } else if (pending.callers.length) {
      pending.tries = NO_TRIES
      enterNew(tab, pending)
    }
    tab.pump()
  }

  /** Asks the follower to read the remote, again and again until it has answered. */
  function ask(): void {
    clearTimeout(timer)
    if (!remoteReads.size) return
    tab.channel?.post({ log: tab.logId, remoteRead: [...remoteReads.keys()], by: 'tab' })
    timer = setTimeout(ask, READ_REMOTE_AGAIN_MS)
  }

  return {
    ids: () => [...waiting.keys()],
    keep(pending, duplicate, record) {
      const { id, fingerprint } = pending
      const remote = pending.callers.filter((caller) => caller.remote)
      if (!remote.length) return
      pending.callers = pending.callers.filter((caller) => !caller.remote)
      for (const caller of remote)
        if (caller.extra && (!record || caller.wroteIn !== record))
          tab.log.write(caller.extra).catch((error) => caller.reject(error))
      const own = remote.map((caller) => ({ caller, fingerprint, duplicate: duplicate || caller.joined }))
      const isOver = ({ caller }: Waiting): boolean => tab.state !== 'ready' || hasLeft(caller)
      for (const { caller } of own.filter(isOver))
        caller.reject(stoppedWaiting(id, departed.get(caller) ?? departed.get(caller.owner) ?? tab.error))
      const remaining = own.filter((one) => !isOver(one))
      if (remaining.length) waiting.set(id, [...(waiting.get(id) ?? []), ...remaining])
    },
    hold(pending, settleNow) {
      const isWaiting = (caller: Caller): boolean => caller.remote === 'wanted' && !hasLeft(caller)
      const remote = pending.callers.filter(isWaiting)
      if (!remote.length || tab.state !== 'ready') return false
      const others = pending.callers.filter((caller) => !isWaiting(caller))
      tab.pending.splice(tab.pending.indexOf(pending), 1)
      if (others.length) {
        const withoutWaiting: Pending = { ...pending, callers: others }
        delete pending.after
        tab.pending.push(withoutWaiting)
        settleNow(withoutWaiting)
      }
      pending.callers = remote
      pending.phase = 'new'
      pending.version++
      remoteReads.set(nextId(), [pending])
      ask()
      return true
    },
    arrived(record) {
      if (!waiting.size) return
      let sequence = record.first
      for (const command of commandsOf(record)) {
        const first = sequence
        sequence += command.events.length
        tell(command.id, (one) => {
          // Ids that no caller gave are unique, so both fingerprints are undefined then.
          if (one.fingerprint !== command.fingerprint) one.caller.reject(new CommandIdConflict(command.id))
          else resolve(one, command.id, sequence - 1, shownOf(tab, command, first))
        })
      }
    },
    settle(ids, isLocal, rejected) {
      for (const id of ids) {
        if (isLocal(id)) continue
        const refused = rejected.find((one) => one.id === id)
        // A command that is neither in the log nor in the outbox nor rejected was decided again and gave no events.
        tell(id, (one) => (refused ? one.caller.reject(fromWire(refused.error)) : resolve(one, id, tab.head, [])))
      }
    },
    leave(who, reason) {
      const isMeant = (caller: Caller): boolean => who === undefined || caller === who || caller.owner === who
      if (who === undefined) end?.close()
      // `who` is a handle or a caller here, both objects.
      else departed.set(who as object, reason)
      for (const [read, commands] of remoteReads) {
        for (const pending of commands) {
          for (const caller of pending.callers.filter(isMeant)) caller.reject(reason)
          pending.callers = pending.callers.filter((caller) => !isMeant(caller))
        }
        if (commands.every(({ callers }) => !callers.length)) remoteReads.delete(read)
      }
      if (!remoteReads.size) clearTimeout(timer)
      for (const [id, all] of waiting) {
        const remaining = all.filter(({ caller }) => !isMeant(caller))
        for (const { caller } of all) if (isMeant(caller)) caller.reject(stoppedWaiting(id, reason))
        if (remaining.length) waiting.set(id, remaining)
        else waiting.delete(id)
      }
    },
  }
}

/** The events of a receipt. */
function shownOf(tab: Tab, command: StoredCommand, first: number): readonly AnyRecordedEvent[] {
  try {
    return recordedOf(command, first, tab.types)
  } catch {
    // The events are in the log, but a newer build wrote them, and this code can't read them.
    return []
  }
}

const stoppedWaiting = (id: string, cause: unknown): StorageError =>
  new StorageError(
    'unknown',
    `Command "${id}" is durable on this device and will be sent, but nobody waits for the remote any more. Dispatch it again with the ` +
      'same commandId to wait once more, or look into rejected(engine) later.',
    cause,
  )
