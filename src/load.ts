import { aborting, sleep } from './async.ts'
import { StorageError } from './errors.ts'

/** Attempts to fetch a part before the caller is told. */
const LOAD_TRIES = 3
/** Milliseconds before the second attempt; the third waits four times as long. */
const LOAD_RETRY_MS = 100

/** A part of the library that is loaded when it is first needed. */
export interface Part<T> {
  /** The part, loaded now unless it is there. Rejects with `StorageError('unavailable')`; the next call tries again. */
  load(signal?: AbortSignal): Promise<T>
  /** undefined until it is loaded. */
  readonly loaded: T | undefined
}

/**
 * Declares a part. A load that failed is never remembered: a deploy may have removed the file, or the tab was offline.
 * @example
 * export const live = part('live', () => import('./engine/live.ts'))
 * const { work } = await live.load()
 */
export function part<T>(name: string, fetch: () => Promise<T>): Part<T> {
  let loading: Promise<T> | undefined
  let loaded: T | undefined

  async function attempt(): Promise<T> {
    for (let tries = 1; ; tries++) {
      try {
        loaded = await fetch()
        return loaded
      } catch (error) {
        if (tries === LOAD_TRIES) throw notLoaded(name, error)
        await sleep(LOAD_RETRY_MS * 4 ** (tries - 1))
      }
    }
  }

  return {
    get loaded() {
      return loaded
    },
    async load(signal) {
      if (loaded) return loaded
      loading ??= attempt().finally(() => {
        loading = undefined
      })
      return aborting(loading, signal)
    },
  }
}

const notLoaded = (name: string, cause: unknown): StorageError =>
  new StorageError(
    'unavailable',
    `The part "${name}" of tidemark could not be loaded: ${cause}. The page may be offline, or a deploy removed the file. ` +
      'It is tried again; reload the page if this stays.',
    cause,
  )
