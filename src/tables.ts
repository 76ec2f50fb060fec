/**
 * The code of tables whose rows are on disk only.
 * @module
 */
import { onDisk } from './projections/onDisk.ts'
import type { Tables } from './projections/workshop.ts'

export type { Tables }

/**
 * The code of tables whose rows are on disk only (`table(key, { resident: false })`), for the script of a SharedWorker. A
 * page loads it by itself.
 * @example
 * ```ts
 * import { hostProjections } from 'tidemark/worker'
 * import { tables } from 'tidemark/tables'
 * hostProjections(todoApp, { tables })
 * ```
 *
 * It contains Dexie, so import it only in the worker of a model that has such tables.
 */
export const tables: Tables = onDisk
