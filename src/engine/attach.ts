import { EngineClosed } from '../errors.ts'
import { type Hint, openChannel } from '../log/channel.ts'
import { connectHost } from '../projections/connect.ts'
import { hold, holdName } from '../projections/sweep.ts'
import type { Core } from './core.ts'
import { isOnDisk, takeUp } from './projected.ts'
import type { OpenOptions } from './types.ts'

/** Events that nobody calls a rebuild. */
const BEHIND = 8192

/** Of engines that are attached: runs a task while the engine holds neither lock nor host. */
export const asides: WeakMap<Core, <T>(task: () => Promise<T>) => Promise<T>> = new WeakMap()

/** What an open engine needs but never waits for: its projection host, its lock, the browser's word on the storage. */
export function attach(core: Core, { worker, mirror }: OpenOptions): void {
  const { name, persisted, progress, ended, database } = core
  const { navigator } = globalThis
  let away: AbortController | undefined
  let free: Promise<void> | undefined
  /** Projections of a version that nothing is persisted of: the host builds them beside the ones before. */
  const building = new Set(core.projections.filter(({ identity }) => !persisted.get(identity)))

  core.attend = (hint: Hint): void => {
    try {
      take(hint)
    } catch {
      // Any page of this origin may say anything.
    }
    core.changed(false)
  }

  function take(hint: Hint): void {
    if ('projected' in hint) {
      takeUp(core, hint.projected)
      follow()
      // Every hint that carried these events was lost.
      if (Object.values(hint.projected).some((at) => Number(at) > core.head)) look()
    } else if ('progress' in hint) {
      const { done, total } = hint.progress
      for (const projection of hint.projections) {
        if (done < total) progress.set(projection, hint.progress)
        else progress.delete(projection)
      }
      for (const fold of core.projections)
        if (isOnDisk(fold) && hint.projections.includes(fold.name))
          fold.sequence = done < total ? 0 : Number.POSITIVE_INFINITY
    } else if ('adopted' in hint) {
      if (hint.adopted?.was === core.logId) look()
      else void core.end(new EngineClosed('log replaced'))
    } else if ('mirror' in hint) core.copy = { ...core.copy, mirror: hint.mirror }
    else if ('destroyed' in hint) void core.end(new EngineClosed('destroyed'))
  }

  /** Shows how far the host is with those. */
  function follow(): void {
    for (const fold of building) {
      const done = persisted.get(fold.identity) ?? 0
      if (!fold.failed && done < core.head - BEHIND)
        progress.set(fold.name, { phase: 'rebuild', done, total: core.head })
      else {
        progress.delete(fold.name)
        building.delete(fold)
      }
    }
  }

  /** Hints may have been missed: the log is asked. */
  function look(): void {
    if (core.state !== 'ready') return
    core.behind = true
    core.pump()
  }

  function arrive(): void {
    if (away) return
    const leaving = new AbortController()
    away = leaving
    hold(
      core.projections.map(({ identity }) => holdName(name, identity)),
      leaving.signal,
    )
    const gone = new Promise<void>((resolve) => leaving.signal.addEventListener('abort', () => resolve()))
    // Shared by everyone who has this log open: what must be alone takes it exclusively.
    free = navigator?.locks
      ?.request(`tidemark:${name}`, { mode: 'shared', signal: leaving.signal }, () => gone)
      .catch(() => {})
    core.channel?.post({ log: core.logId, asks: 'mirror' })
    core.host = connectHost(core.model, name, worker, mirror, (kind, error) => {
      core.worker = kind
      if (error && core.state === 'ready') core.error = error as Error
      core.changed(false)
    })
  }

  function leave(): void {
    away?.abort()
    away = undefined
    core.host?.close()
  }

  /** Lets go of the log's lock and its host for as long as somebody has to be alone with it. */
  async function stepAside<T>(task: () => Promise<T>): Promise<T> {
    leave()
    await free
    try {
      return await task()
    } finally {
      if (!ended.aborted) arrive()
    }
  }

  /** Held locks and ports keep a page out of the back/forward cache, or frozen in it while others wait; a message throws it out. */
  function release(): void {
    core.channel?.close()
    leave()
  }

  const back = (event: Event): void => {
    if (!(event as PageTransitionEvent).persisted) return
    core.channel &&= openChannel(name, core.hear)
    arrive()
    look()
  }
  const listeners = [
    ['pagehide', release],
    ['pageshow', back],
    ['focus', look],
  ] as const
  for (const [type, listener] of listeners) globalThis.addEventListener?.(type, listener)
  ended.addEventListener('abort', () => {
    for (const [type, listener] of listeners) globalThis.removeEventListener?.(type, listener)
    release()
  })
  if (database) database.lost = look
  const restored = database?.log?.restored
  if (restored) core.copy = { ...core.copy, restored }

  navigator?.storage
    ?.persisted?.()
    .then((persistent) => {
      core.persistent = persistent
      core.changed(false)
    })
    .catch(() => {})
  asides.set(core, stepAside)
  follow()
  arrive()
  // So that the first look at a row's history waits for no code.
  if (core.projections.some(({ definition: { into } }) => 'history' in into && into.history))
    import('./history.ts').catch(() => {})
}
