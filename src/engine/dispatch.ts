import type { Json } from '../data.ts'
import { InvalidData } from '../errors.ts'
import { nextId } from '../ids.ts'
import { copyJson, fingerprint } from '../model/json.ts'
import { createContext } from '../model/model.ts'
import { type AnyReceipt, type Caller, decideNow, fail, type Pending, rebase, type Tab } from './tab.ts'
import type { DispatchOptions } from './types.ts'

/** Decides and applies at once, queues the append; the promise settles when the log has the answer. */
export function dispatch(
  tab: Tab,
  owner: unknown,
  name: string,
  input: unknown,
  { commandId, durability, meta, signal }: DispatchOptions,
  decide?: Pending['decide'],
): Promise<AnyReceipt> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted()
    if (typeof (commandId ?? name) !== 'string' || commandId === '') throw new InvalidData('no text', ['commandId'])
    const copy = copyJson(input)
    const print = commandId === undefined ? undefined : fingerprint(name, copy)
    const settled = <T>(tell: (value: T) => void): typeof tell =>
      signal
        ? (value) => {
            signal.removeEventListener('abort', withdraw)
            tell(value)
          }
        : tell
    const withdraw = (): void =>
      // While it waits behind another with its id, nothing is decided.
      pending.decision ? takeBack(tab, pending, caller, signal?.reason) : caller.reject(signal?.reason)
    const caller: Caller = {
      resolve: settled(resolve),
      reject: settled(reject),
      strict: durability === 'strict',
      joined: false,
      owner,
    }
    // Made whole at once: a thousand of these may be asked for in one tick.
    let pending = {
      id: commandId ?? nextId(),
      fingerprint: print,
      name,
      input: copy,
      meta: copyJson(meta) as Json | undefined,
      decide,
      context: createContext(Date.now()),
      callers: [caller],
      inTransaction: false,
      unsure: false,
      lostRaces: 0,
      failures: 0,
      alone: false,
    } as unknown as Pending
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
      } else {
        pending.decision = decideNow(tab, pending)
        tab.pending.push(pending)
        tab.changed(pending.decision.events.length > 0)
      }
      tab.pump()
    }
    enter()
  })
}

/** A caller leaves. The command goes with the last one, unless it is in a transaction already. */
export function takeBack(tab: Tab, pending: Pending, caller: Caller, reason: unknown): void {
  if (pending.inTransaction || pending.unsure || !tab.pending.includes(pending)) return
  if (pending.callers.length > 1) {
    pending.callers = pending.callers.filter((other) => other !== caller)
    caller.reject(reason)
  } else rebase(tab, () => fail(tab, pending, reason))
}
