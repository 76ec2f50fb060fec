import { ModelError, ProjectionFailed } from '../errors.ts'
import { toWire, type WireError } from '../log/wire.ts'
import type { Fold } from '../model/fold.ts'
import { onDiskFolds } from '../model/model.ts'
import { createBackoff } from '../queue.ts'
import type { LoadTables, OnDiskTables, Workshop } from './workshop.ts'

/** Milliseconds after which code that could not be loaded is asked for again, doubled up to the maximum. */
const LOAD_RETRY_MIN_MS = 1000
const LOAD_RETRY_MAX_MS = 30_000

/** The entry that a worker's script imports. */
const TABLES_ENTRY = 'tidemark/tables'

/** Folds the log into the on-disk tables of a model once their code is loaded. undefined if the model has none. */
export function openTables(shop: Workshop, loadTables: LoadTables | undefined): OnDiskTables | undefined {
  const { closing, model } = shop
  const folds = onDiskFolds(model)
  if (!folds.length) return
  const backoff = createBackoff(LOAD_RETRY_MIN_MS, LOAD_RETRY_MAX_MS)
  let loaded: OnDiskTables | undefined
  let loading: Promise<OnDiskTables> | undefined
  let failure: unknown

  function load(): Promise<OnDiskTables> {
    loading ??= attempt().finally(() => {
      loading = undefined
    })
    return loading
  }

  async function attempt(): Promise<OnDiskTables> {
    try {
      if (!loadTables) throw notGiven(folds)
      const { followLog } = await loadTables(closing)
      closing.throwIfAborted()
      loaded ??= followLog(shop, folds)
      failure = undefined
      return loaded
    } catch (error) {
      failure = error
      shop.post({ projected: failed() })
      // If the worker's script did not pass the code, waiting does not help.
      if (loadTables && !closing.aborted) retryLater()
      throw error
    }
  }

  function retryLater(): void {
    const timer = setTimeout(() => {
      closing.removeEventListener('abort', stop)
      if (!loaded) load().catch(() => {})
    }, backoff.next())
    const stop = (): void => clearTimeout(timer)
    closing.addEventListener('abort', stop, { once: true })
  }

  const failed = (): Record<string, WireError> =>
    Object.fromEntries(folds.map(({ identity, name }) => [identity, toWire(new ProjectionFailed(name, 0, failure))]))

  load().catch((error) => {
    if (__DEV__ && !loadTables) console.warn(`tidemark: ${error.message}`)
  })
  return {
    hear: (hint) => loaded?.hear(hint),
    async flush() {
      // Awaits an attempt that is under way. Does not start one: the timer does.
      const tables = loaded ?? (await loading?.catch(() => undefined))
      closing.throwIfAborted()
      return tables ? tables.flush() : failed()
    },
    // A failed projection does not keep events from being sealed (rule 11).
    stored: () => loaded?.stored() ?? (failure ? [] : folds.map(() => 0)),
    async rebuild(names, signal) {
      if (!folds.some(({ name }) => names.includes(name))) return
      const tables = loaded ?? (await load())
      await tables.rebuild(names, signal)
    },
  }
}

const notGiven = (folds: readonly Fold[]): ModelError =>
  new ModelError(
    `${folds.map(({ name }) => `"${name}"`).join(', ')}: rows are on disk only, and the worker's script was not given the ` +
      `code for that. Write in it: import { tables } from '${TABLES_ENTRY}' and hostProjections(model, { tables })`,
  )
