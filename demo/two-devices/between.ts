import { type Remote, RemoteError } from 'tidemark'
import { defineRemote } from 'tidemark/sync'
import type { MemoryDevice } from 'tidemark/testing'
import { LOG } from './seats.ts'

/** What the page gives its two devices, which are frames with databases of their own. */
export interface Between {
  network(name: string): MemoryDevice
  /** A device is ready, and this is how to press its seats. */
  ready(name: string, book: (seat: string) => void): void
}

declare global {
  interface Window {
    between?: Between
  }
}

/** A frame has classes of its own: an error of the page's class is none of its. */
async function own<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer
  } catch (error) {
    const { name, kind } = error as RemoteError
    throw name === 'RemoteError' ? new RemoteError(kind) : error
  }
}

/** The network of a device, as its frame has it. */
export const remoteOf = (network: MemoryDevice) =>
  defineRemote((): Remote => {
    const remote = network(LOG)
    return {
      limits: remote.limits,
      append: (message, options) => own(remote.append(message, options)),
      async *read(after, options) {
        const batches = remote.read(after, options)[Symbol.asyncIterator]()
        for (let next = await own(batches.next()); !next.done; next = await own(batches.next())) yield next.value
      },
      watch: (hear) => remote.watch(hear),
    }
  })
