import { type Remote, RemoteError, type RemoteMessage } from 'tidemark'
import { defineRemote } from 'tidemark/sync'
import type { Answer } from './host.ts'

/** The calls of one device to the server. */
export interface Calls {
  append(message: Uint8Array, after: string, id: string): Promise<Answer<'appended' | 'refused'>>
  read(after: string, including: boolean): Promise<Answer<readonly (readonly RemoteMessage[])[]>>
  watch(hear: (poke: 'more' | 'online' | 'offline') => void): () => void
}

/** The functions of the page for its two devices, which are frames with their own databases. */
export interface Between {
  calls(name: string): Calls
  /** A device calls this when it is ready, with a function that presses its seats. */
  ready(name: string, book: (seat: string) => void): void
}

declare global {
  interface Window {
    between?: Between
  }
}

/** Settles a call as a remote of this frame does: with an error of the frame's own class, and no later than its signal. */
function own<T>(call: Promise<Answer<T>>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const end = (): void => reject(signal.reason)
    if (signal.aborted) end()
    signal.addEventListener('abort', end, { once: true })
    call
      .then((answer) => ('value' in answer ? resolve(answer.value) : reject(new RemoteError(answer.kind))), reject)
      .finally(() => signal.removeEventListener('abort', end))
  })
}

/** The remote that a device uses in its frame. */
export const remoteOf = (calls: Calls) =>
  defineRemote(
    (): Remote => ({
      limits: { bytes: 1_000_000 },
      append: (message, { after, id, signal }) => own(calls.append(message, after, id), signal),
      async *read(after, { including = false, signal }) {
        yield* await own(calls.read(after, including), signal)
      },
      watch: calls.watch,
    }),
  )
