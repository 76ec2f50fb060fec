import { RemoteError } from '../remote.ts'

/** Milliseconds in which a call of a remote must make progress. */
const CALL_MS = 30_000

/** The signal of one call of a remote. It aborts with the given signal, or when the remote does not answer in time. */
export interface Limited {
  readonly signal: AbortSignal
  /** Call this when the remote has answered. */
  renew(): void
  end(): void
}

export function limited(given: AbortSignal): Limited {
  const ending = new AbortController()
  const abort = (): void => ending.abort(given.reason)
  const start = (): ReturnType<typeof setTimeout> =>
    setTimeout(() => ending.abort(new RemoteError('unreachable')), CALL_MS)
  let timer = start()
  if (given.aborted) abort()
  given.addEventListener('abort', abort)
  return {
    signal: ending.signal,
    renew() {
      clearTimeout(timer)
      timer = start()
    },
    end() {
      clearTimeout(timer)
      given.removeEventListener('abort', abort)
    },
  }
}
