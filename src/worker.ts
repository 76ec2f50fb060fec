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

/** Milliseconds after which the worker closes a log that no tab has open any more. */
const LOG_IDLE_MS = 3000

/** The second argument of `hostProjections`. */
export interface HostProjectionsOptions {
  /** The export `tables` of `tidemark/tables`, if the model has tables with `resident: false`. */
  readonly tables?: Tables | undefined
  /** The remote that `openEngine` gets, too. The worker reads new messages from it and sends the commands of this device. */
  readonly remote?: OpenRemote | undefined
  /** Reactions by name, as `reaction` of `tidemark/reactions` returned them: `{ answer }`. */
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
