import { EngineClosed } from '../errors.ts'
import type { Hint } from '../log/channel.ts'
import { connectHost } from '../projections/connect.ts'
import type { Core } from './core.ts'

/** What an open engine needs but never waits for: its projection host, its lock, the browser's word on the storage. */
export function attach(core: Core, worker: (() => SharedWorker) | undefined): void {
  const { name, persisted, progress, ended } = core
  const { navigator } = globalThis

  core.attend = (hint: Hint): void => {
    if ('projected' in hint)
      for (const [identity, sequence] of Object.entries(hint.projected)) persisted.set(identity, sequence)
    else if ('progress' in hint) {
      const { done, total } = hint.progress
      for (const projection of hint.projections) {
        if (done < total) progress.set(projection, hint.progress)
        else progress.delete(projection)
      }
    } else if ('destroyed' in hint) void core.end(new EngineClosed('destroyed'))
    core.changed(false)
  }

  // Shared by everyone who has this log open: what must be alone takes it exclusively.
  const held = new Promise<void>((resolve) => ended.addEventListener('abort', () => resolve()))
  navigator?.locks?.request(`tidemark:${name}`, { mode: 'shared', signal: ended }, () => held).catch(() => {})

  navigator?.storage
    ?.persisted?.()
    .then((persistent) => {
      core.persistent = persistent
      core.changed(false)
    })
    .catch(() => {})

  core.host = connectHost(core.model, name, worker, (kind, error) => {
    core.worker = kind
    if (error) core.error = error as Error
    core.changed(false)
  })
}
