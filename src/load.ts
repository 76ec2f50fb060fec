import { aborting, createListeners, type Listeners, sleep } from './async.ts'
import { asError } from './caught.ts'
import { StorageError } from './errors.ts'

/** Attempts to fetch a part before the caller is told. */
const LOAD_TRIES = 3
/** Milliseconds before the second attempt; the third waits four times as long. */
const LOAD_RETRY_MS = 100
/** Milliseconds between two rounds of attempts of `keepLoading`: the first wait, which doubles each time, and the longest. */
const ROUND_MS = 1000
const ROUND_MAX_MS = 30_000

/** A part of the library, loaded when it is first needed. */
export interface Part<T> {
  /** Loads the part unless it is loaded. Rejects with `StorageError('unavailable')`; the next call tries again. */
  load(signal?: AbortSignal): Promise<T>
  /**
   * Loads the part, and tries again until it succeeds. Calls `failed` after each round of attempts that failed. The next one comes after
   * 1, 2, 4 … 30 s, or earlier when the page gets the focus or a network. Rejects only with the signal's reason.
   */
  keepLoading(signal: AbortSignal, failed: (error: Error) => void): Promise<T>
  /** undefined until it is loaded. */
  readonly loaded: T | undefined
}

/**
 * Declares a part. A load that failed is never remembered here: a deploy may have removed the file, or the tab was offline.
 * Browsers do remember it: Chromium, and Firefox before 155 and Safari before they followed the HTML standard of 2026
 * (whatwg/html#10327), fail each later `import()` of that URL without a request. A part is therefore loaded before it is
 * needed, and the error says that a reload helps.
 * @example
 * ```ts
 * export const reserve = part('reserve', () => import('./engine/reserve.ts'))
 * const { history } = await reserve.load()
 * ```
 */
export function part<T>(name: string, fetch: () => Promise<T>): Part<T> {
  let loading: Promise<T> | undefined
  let loaded: T | undefined
  const arrivals = createListeners()

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

  async function load(signal?: AbortSignal): Promise<T> {
    if (loaded) return loaded
    loading ??= attempt()
      .then((fetched) => {
        arrivals.tell()
        return fetched
      })
      .finally(() => {
        loading = undefined
      })
    return aborting(loading, signal)
  }

  return {
    get loaded() {
      return loaded
    },
    load,
    async keepLoading(signal, failed) {
      for (let ms = ROUND_MS; ; ms = Math.min(ms * 2, ROUND_MAX_MS)) {
        try {
          return await load(signal)
        } catch (error) {
          signal.throwIfAborted()
          failed(asError(error))
        }
        await roundOver(ms, signal, arrivals)
      }
    },
  }
}

/** Resolves after `ms`, or when the page gets the focus or a network, or when another call has loaded the part. */
function roundOver(ms: number, signal: AbortSignal, arrivals: Listeners): Promise<void> {
  const began = performance.now()
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer)
      forget()
      signal.removeEventListener('abort', end)
      for (const type of ['online', 'focus']) globalThis.removeEventListener?.(type, hurry)
      resolve()
    }
    const hurry = (): void => {
      if (performance.now() - began >= ROUND_MS) end()
    }
    const timer = setTimeout(end, ms)
    const forget = arrivals.add(end)
    signal.addEventListener('abort', end)
    for (const type of ['online', 'focus']) globalThis.addEventListener?.(type, hurry)
  })
}

const notLoaded = (name: string, cause: unknown): StorageError =>
  new StorageError(
    'unavailable',
    `The part "${name}" of tidemark could not be loaded: ${cause}. ` +
      ('ServiceWorkerGlobalScope' in globalThis
        ? 'A service worker may not load code later: bundle it into one file, without code splitting.'
        : 'The page may be offline, or a deploy removed the file. It is tried again; reload the page if this stays.'),
    cause,
  )
