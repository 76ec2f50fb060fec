/**
 * The script of the SharedWorker that keeps the snapshot.
 * @module
 */
import { start } from './copies/mirror.ts'
import { runReactionsOf } from './engine/reactions.ts'
import { ModelError } from './errors.ts'
import type { Model } from './model/model.ts'
import { serve } from './projections/serve.ts'
import type { Tables } from './projections/workshop.ts'
import type { OpenRemote } from './remote.ts'
import { replicators } from './sync/registry.ts'

/** Milliseconds until a log that no tab has open any more is let go. */
const LOG_IDLE_MS = 3000

/** What a worker brings besides its model. */
export interface HostProjectionsOptions {
  /** What `tidemark/tables` exports, if the model has tables with `resident: false`. */
  readonly tables?: Tables | undefined
  /** The remote that `openEngine` gets, too: the worker follows it. */
  readonly remote?: OpenRemote | undefined
  /** By their names, what `reaction` of `tidemark/reactions` gave: `{ answer }`. */
  readonly reactions?: Readonly<Record<string, unknown>> | undefined
}

/**
 * Runs the projection pipeline of a model in a SharedWorker script; call it once, at the top level.
 * @example
 * ```ts
 * // todos.worker.ts
 * import { hostProjections } from 'tidemark/worker'
 * import { todoApp } from './todos.ts'
 * hostProjections(todoApp)
 * ```
 *
 * One worker serves every engine `name` of its model. A second call in one script throws. A model that has tables with
 * `resident: false` needs their code: `import { tables } from 'tidemark/tables'` and `hostProjections(todoApp, { tables })`.
 */
export function hostProjections(
  model: Model<any, any, any, any>,
  { tables, remote, reactions }: HostProjectionsOptions = {},
): void {
  const replicate = remote && replicators.get(remote)
  if (remote && !replicate)
    throw new ModelError(
      'hostProjections: `remote` is no remote of this package. Give it to defineRemote() of tidemark/sync',
    )
  serve(model, {
    idle: LOG_IDLE_MS,
    loadTables: tables && (async () => tables),
    loadMirror: async () => ({ start }),
    opened: ({ shop }, { booted, ports, stay }) => {
      if (remote) void replicate?.(shop, remote)
      if (reactions) runReactionsOf(reactions, { beside: shop, booted, pages: ports, stay })
    },
  })
}
