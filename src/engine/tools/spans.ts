import type { Log } from '../../log/log.ts'
import type { HostConnection } from '../../projections/connect.ts'
import type { Core } from '../core.ts'
import type { Interceptor } from '../pending.ts'
import type { Observer } from '../types.ts'

/** The most milliseconds that a decision can take. If it seems to have taken more, the clock was set. */
const DECISION_MAX_MS = 60_000

/** The facts of a span besides its times. */
export type SpanDetail = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>

/** One piece of work that an engine has done. */
export interface Span {
  /**
   * - `boot`: from the call of `openEngine` until `read` is ready.
   * - `dispatch`: one command, from its call until its promise settles.
   * - `append`: one transaction that adds commands to the log.
   * - `catch-up`: reading and folding what other tabs have appended.
   * - `flush`: waiting for the projections to be persisted, for `projected()`.
   * - `rebuild`: waiting for projections to be folded again, for `rebuild()`.
   */
  readonly name: 'boot' | 'dispatch' | 'append' | 'catch-up' | 'flush' | 'rebuild'
  /** The name of the log. */
  readonly engine: string
  /** Milliseconds, as `performance.now()` gives them. */
  readonly start: number
  /** Milliseconds. */
  readonly duration: number
  readonly detail: SpanDetail
  /** What the work threw, if it failed. */
  readonly error?: unknown
}

/**
 * Returns an observer for `openEngine` that reports each piece of work when it has ended.
 * @example
 * ```ts
 * const engine = await openEngine(todoApp, {
 *   observe: spans(({ name, start, duration, detail, error }) => {
 *     const from = performance.timeOrigin + start
 *     const span = tracer.startSpan(`tidemark.${name}`, { startTime: from, attributes: { ...detail } })
 *     if (error) span.recordException(error as Error)
 *     span.end(from + duration)
 *   }),
 * })
 * ```
 *
 * Details hold names, ids, sequences and counts; no payload, input or row. Several handles that share one engine share the observer of the
 * first. What `report` throws goes to `reportError`. Work in the worker is not seen: a page sees only how long it waits for it.
 */
export function spans(report: (span: Span) => void): Observer {
  return (core: Core) => observe(core, report)
}

/** Follows an engine from outside: it replaces the members that do work by timed ones, so an engine without an observer costs nothing. */
function observe(core: Core, report: (span: Span) => void): void {
  const tell = (name: Span['name'], start: number, detail: SpanDetail, error?: unknown): void => {
    const duration = performance.now() - start
    try {
      report({ name, engine: core.name, start, duration, detail, ...(error !== undefined && { error }) })
    } catch (thrown) {
      globalThis.reportError?.(thrown)
    }
  }

  /** Times one call. Calls `detail` when it has ended. */
  async function timed<T>(name: Span['name'], call: () => Promise<T>, detail: (result?: T) => SpanDetail): Promise<T> {
    const start = performance.now()
    try {
      const result = await call()
      tell(name, start, detail(result))
      return result
    } catch (error) {
      tell(name, start, detail(), error)
      throw error
    }
  }

  const timedLog = (log: Log): Log => ({
    ...log,
    append: (record, beside) =>
      timed(
        'append',
        () => log.append(record, beside),
        (outcome) => ({
          first: record.first,
          last: record.last,
          characters: record.body.length,
          outcome: typeof outcome === 'object' ? 'taken' : outcome,
        }),
      ),
    appendInside: (after, ...rest) =>
      timed(
        'append',
        () => log.appendInside(after, ...rest),
        (appended) => ({ first: after + 1, inside: true, outcome: appended ? 'appended' : 'not whole' }),
      ),
  })

  const timedHost = (host: HostConnection): HostConnection => ({
    ...host,
    flush: () => timed('flush', host.flush, () => ({ sequence: core.head })),
    rebuild: (id, projections) =>
      timed(
        'rebuild',
        () => host.rebuild(id, projections),
        () => ({ projections, sequence: core.head }),
      ),
  })

  const booted = performance.now()
  replaceMember(core, 'log', timedLog)
  replaceMember(core, 'host', (host) => host && timedHost(host))
  hearMember(core, 'isOpen', (isOpen) => {
    if (isOpen) tell('boot', booted, { sequence: core.head, storage: core.status.storage })
  })
  hearMember(core, 'state', (state) => {
    if (state === 'closed' && !core.isOpen) tell('boot', booted, {}, core.error)
  })
  let caughtUp = { start: 0, after: 0 }
  hearMember(core, 'catchingUp', (isCatchingUp) => {
    if (isCatchingUp) caughtUp = { start: performance.now(), after: core.head }
    else tell('catch-up', caughtUp.start, { after: caughtUp.after, sequence: core.head })
  })
  core.interceptors.add(dispatches(tell))
}

/** Follows the commands of a tab, each from its first decision on. */
function dispatches(tell: (name: 'dispatch', start: number, detail: SpanDetail, error?: unknown) => void): Interceptor {
  const known = new Map<string, { start: number; decisions: number; events: number }>()
  return {
    owner: tell,
    decided({ id, context }, stored) {
      const took = Date.now() - context.now
      const one = known.get(id) ?? {
        start: performance.now() - (took > 0 && took < DECISION_MAX_MS ? took : 0),
        decisions: 0,
        events: 0,
      }
      known.set(id, one)
      // A decision whose own events failed is reported twice.
      if (stored) one.events = stored.length
      one.decisions++
    },
    settled({ id, name }, outcome) {
      const one = known.get(id)
      known.delete(id)
      if (!one) return
      const { start, decisions, events } = one
      const detail = { command: name, commandId: id, decisions }
      if ('error' in outcome) tell('dispatch', start, detail, outcome.error)
      else tell('dispatch', start, { ...detail, events, duplicate: outcome.duplicate })
    },
  }
}

/** Makes the member hold what `replace` makes of its value, now and after each assignment. */
function replaceMember<T extends object, K extends keyof T>(owner: T, name: K, replace: (value: T[K]) => T[K]): void {
  let given = owner[name]
  let value = replace(given)
  Object.defineProperty(owner, name, {
    enumerable: true,
    configurable: true,
    get: () => value,
    set(next: T[K]) {
      // Boot and each round of work assign the same log again.
      if (next === given) return
      given = next
      value = replace(next)
    },
  })
}

/** Calls `heard` with each value that is assigned to the member, after the assignment. */
function hearMember<T extends object, K extends keyof T>(owner: T, name: K, heard: (value: T[K]) => void): void {
  let value = owner[name]
  Object.defineProperty(owner, name, {
    enumerable: true,
    configurable: true,
    get: () => value,
    set(next: T[K]) {
      value = next
      heard(next)
    },
  })
}
