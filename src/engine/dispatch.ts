import type { Json } from '../data.ts'
import { InvalidData, ModelError } from '../errors.ts'
import { nextId } from '../ids.ts'
import type { ExtraWrite } from '../log/append.ts'
import type { Cause } from '../log/commit.ts'
import { isOfReaction } from '../log/local.ts'
import { copyJson, fingerprint } from '../model/json.ts'
import { createContext } from '../model/model.ts'
import { type AnyReceipt, Caller, type Sender } from './caller.ts'
import { createPending, failCommand, type Pending } from './pending.ts'
import { decideNow, rebase, refuseInside, type Tab } from './tab.ts'
import type { DispatchOptions } from './types.ts'

/** Options of a dispatch that only this package passes. */
export interface Special {
  /** Decides in place of the model's command of that name. */
  readonly decide?: Pending['decide']
  /** Extra writes for the transaction that appends the command. */
  readonly extra?: ExtraWrite | undefined
  readonly cause?: Cause | undefined
}

/**
 * Decides and applies a command at once, and queues its append. The promise settles when the outcome is in the log.
 * `work` (work.ts) takes the command from the queue, and `appendGroup` appends it.
 */
export const dispatch = (
  tab: Tab,
  owner: Sender,
  name: string,
  input: unknown,
  options: DispatchOptions | undefined,
  special?: Special,
): Promise<AnyReceipt> =>
  // The promise turns anything that `openCommand` throws into a rejection.
  new Promise((resolve, reject) =>
    openCommand(tab, owner, name, input, options ?? NO_OPTIONS, special, resolve, reject),
  )

const NO_OPTIONS: DispatchOptions = Object.freeze({})

function openCommand(
  tab: Tab,
  owner: Sender,
  name: string,
  input: unknown,
  { commandId, durability, meta, signal }: DispatchOptions,
  special: Special | undefined,
  resolve: (receipt: AnyReceipt) => void,
  reject: (error: unknown) => void,
): void {
  if (__DEV__) refuseInside((outer) => nestedDispatch(outer, name))
  signal?.throwIfAborted()
  const isFromReaction = typeof commandId === 'string' && isOfReaction(commandId)
  if (typeof (commandId ?? name) !== 'string' || commandId === '' || (isFromReaction && !special))
    throw new InvalidData('a commandId is a string that is not empty and does not begin with "reaction:"', [
      'commandId',
    ])
  const copy = copyJson(input, `command "${name}"`)
  const print = commandId === undefined ? undefined : isFromReaction ? name : fingerprint(name, copy)
  const mergedMeta = meta === undefined ? owner.meta : mergeMeta(owner.meta, copyJson(meta, 'meta')!)
  // If the command ends a draft, the draft is deleted in the same transaction.
  const extra = tab.drafts ? tab.drafts.withDeletion(special?.extra) : special?.extra
  const caller = new Caller(owner, resolve, reject, durability, extra)
  const pending = createPending(
    commandId ?? nextId(),
    print,
    name,
    copy,
    mergedMeta,
    special?.decide,
    createContext(Date.now()),
    caller,
    special?.cause,
  )
  if (signal) withdrawOn(signal, tab, pending, caller)
  enter(tab, pending, caller, signal)
}

/** Enters a command. Joins a pending one with the same id, or waits for it if its input differs. */
function enter(tab: Tab, pending: Pending, caller: Caller, signal: AbortSignal | undefined): void {
  if (signal?.aborted) return
  const { id, fingerprint: print } = pending
  const same = print === undefined ? undefined : tab.pending.find((other) => other.id === id)
  if (tab.state !== 'ready') caller.reject(tab.error)
  else if (same && same.fingerprint !== print) {
    same.after ??= []
    same.after.push(() => enter(tab, pending, caller, signal))
  } else if (same) {
    caller.joined = true
    same.callers.push(caller)
    same.version++
  } else enterNew(tab, pending)
  tab.pump()
}

/** Takes the caller's dispatch back when the signal aborts, unless the command is in a transaction then. */
function withdrawOn(signal: AbortSignal, tab: Tab, made: Pending, caller: Caller): void {
  const withdraw = (): void => {
    const joined = caller.joined ? tab.pending.find(({ callers }) => callers.includes(caller)) : undefined
    const pending = joined ?? made
    // A 'new' command is not in `tab.pending`, so `takeBack` does not reject its caller.
    if (pending.phase === 'new') caller.reject(signal.reason)
    takeBack(tab, pending, caller, signal.reason)
  }
  caller.letGo = () => signal.removeEventListener('abort', withdraw)
  signal.addEventListener('abort', withdraw)
}

/** Decides a new command, shows its events and queues it. */
export function enterNew(tab: Tab, pending: Pending): void {
  // An engine that works in turns decides it when its turn begins.
  tab.layer?.finish()
  if (!tab.turns) pending.decision = decideNow(tab, pending)
  pending.phase = 'waiting'
  tab.pending.push(pending)
  tab.changed(pending.decision.events.length > 0)
}

/**
 * Removes a caller from a command that is in no transaction. With its last caller, the command is removed too. In a
 * transaction the command stays, and the caller only stops waiting for the remote.
 */
export function takeBack(tab: Tab, pending: Pending, caller: Caller, reason: unknown): void {
  if (pending.phase !== 'waiting') {
    tab.layer?.leave(caller, reason)
    return
  }
  if (pending.callers.length > 1) {
    pending.callers = pending.callers.filter((other) => other !== caller)
    caller.reject(reason)
  } else rebase(tab, () => failCommand(tab, pending, reason))
}

/** Merges two objects; the dispatch's properties win. Any other value replaces the engine's. */
function mergeMeta(engine: Json | undefined, own: Json): Json {
  return isJsonObject(engine) && isJsonObject(own) ? { ...engine, ...own } : own
}

const isJsonObject = (value: Json | undefined): value is { readonly [key: string]: Json } =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const nestedDispatch = (outer: string, inner: string): ModelError =>
  new ModelError(
    `command "${outer}" dispatches "${inner}" while it is decided. It is decided again after a lost race, and would ` +
      `dispatch again: call the function of "${inner}" instead, and return its events with those of "${outer}"`,
  )
