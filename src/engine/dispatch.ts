import type { Json } from '../data.ts'
import { InvalidData, ModelError } from '../errors.ts'
import { nextId } from '../ids.ts'
import type { Inside } from '../log/append.ts'
import type { Cause } from '../log/commit.ts'
import { copyJson, fingerprint } from '../model/json.ts'
import { createContext } from '../model/model.ts'
import { type AnyReceipt, type Caller, createPending, fail, type Pending } from './pending.ts'
import { decideNow, rebase, refuseInside, type Tab } from './tab.ts'
import type { DispatchOptions } from './types.ts'

/** What the dispatches of one handle have in common. */
export interface Sender {
  /** Of `openEngine`, copied. */
  readonly meta: Json | undefined
}

/** What only this package gives a dispatch. */
export interface Special {
  /** Decides in place of the model's command of that name. */
  readonly decide?: Pending['decide']
  readonly inside?: Inside | undefined
  readonly cause?: Cause | undefined
}

/** Ids of commands that reactions dispatch. Each names what it is for, so the first receipt answers it, whatever the input. */
const REACTION = 'reaction:'

/** Decides and applies at once, queues the append; the promise settles when the log has the answer. */
export function dispatch(
  tab: Tab,
  owner: Sender,
  name: string,
  input: unknown,
  { commandId, durability, meta, signal }: DispatchOptions = {},
  special?: Special,
): Promise<AnyReceipt> {
  return new Promise((resolve, reject) => {
    if (__DEV__) refuseInside((outer) => nestedDispatch(outer, name))
    signal?.throwIfAborted()
    if (typeof (commandId ?? name) !== 'string' || commandId === '')
      throw new InvalidData('a commandId is a string that is not empty', ['commandId'])
    const isOfReaction = commandId?.startsWith(REACTION)
    if (isOfReaction && !special)
      throw new InvalidData('a commandId that begins with "reaction:" belongs to a reaction. Take another one', [
        'commandId',
      ])
    const copy = copyJson(input, `command "${name}"`)
    const print = commandId === undefined ? undefined : isOfReaction ? name : fingerprint(name, copy)
    const settled = <T>(tell: (value: T) => void): typeof tell =>
      signal
        ? (value) => {
            signal.removeEventListener('abort', withdraw)
            tell(value)
          }
        : tell
    const withdraw = (): void => {
      if (pending.phase === 'new') caller.reject(signal?.reason)
      takeBack(tab, pending, caller, signal?.reason)
    }
    const caller: Caller = {
      resolve: settled(resolve),
      reject: settled(reject),
      strict: durability === 'strict',
      remote: durability === 'remote' ? 'wanted' : undefined,
      joined: false,
      owner,
      inside: tab.drafts ? tab.drafts.take(special?.inside) : special?.inside,
    }
    let pending = createPending(
      commandId ?? nextId(),
      print,
      name,
      copy,
      meta === undefined ? owner.meta : mergeMeta(owner.meta, copyJson(meta, 'meta') as Json),
      special?.decide,
      createContext(Date.now()),
      caller,
      special?.cause,
    )
    signal?.addEventListener('abort', withdraw)
    const enter = (): void => {
      const same = print && tab.pending.find(({ id }) => id === commandId)
      if (signal?.aborted) return
      if (tab.state !== 'ready') caller.reject(tab.error)
      else if (same && same.fingerprint !== print) (same.after ??= []).push(enter)
      else if (same) {
        pending = same
        caller.joined = true
        same.callers.push(caller)
        same.version++
      } else enterNew(tab, pending)
      tab.pump()
    }
    enter()
  })
}

/** Decides a new command and shows what it gives. */
export function enterNew(tab: Tab, pending: Pending): void {
  if (!tab.turns) pending.decision = decideNow(tab, pending)
  pending.phase = 'waiting'
  tab.pending.push(pending)
  tab.changed(pending.decision.events.length > 0)
}

/** A caller leaves. The command goes with the last one, unless it is in a transaction already. */
export function takeBack(tab: Tab, pending: Pending, caller: Caller, reason: unknown): void {
  if (pending.phase !== 'waiting') {
    tab.layer?.leave(caller, reason)
    return
  }
  if (pending.callers.length > 1) {
    pending.callers = pending.callers.filter((other) => other !== caller)
    caller.reject(reason)
  } else rebase(tab, () => fail(tab, pending, reason))
}

/** Two objects are merged, and the dispatch's properties win. Any other value replaces the engine's. */
function mergeMeta(engine: Json | undefined, own: Json): Json {
  return isObject(engine) && isObject(own) ? { ...engine, ...own } : own
}

const isObject = (value: Json | undefined): value is { readonly [key: string]: Json } =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const nestedDispatch = (outer: string, inner: string): ModelError =>
  new ModelError(
    `command "${outer}" dispatches "${inner}" while it is decided. It is decided again after a lost race, and would ` +
      `dispatch again: call the function of "${inner}" instead, and return its events with those of "${outer}"`,
  )
