import { type Remote, RemoteError, type RemoteMessage } from 'tidemark'
import { memoryRemote } from 'tidemark/testing'
import { LOG } from './seats.ts'

/** Errors lose their class when they pass through a port, so an answer carries the reason. */
export type Answer<T> = { readonly value: T } | { readonly kind: RemoteError['kind'] }

/** The connection between a device and the server. */
export interface Network {
  readonly offline: boolean
  /** Milliseconds from the device to the server and back. */
  readonly latency: number
}

/** The store of the messages and the connections of the devices to it: a SharedWorker or a real server. */
export interface Host {
  /** Gives a new server the messages that the page has saved from the last one. */
  restore(saved: readonly Uint8Array[]): void
  set(device: string, network: Network): void
  append(device: string, message: Uint8Array, after: string, id: string): Promise<Answer<'appended' | 'refused'>>
  read(device: string, after: string, including: boolean): Promise<Answer<readonly (readonly RemoteMessage[])[]>>
  /** Returns a number for `unwatch`. An empty `device` is the page itself, which is never offline. */
  watch(device: string, hear: (poke: 'more' | 'online' | 'offline') => void): number
  unwatch(number: number): void
  forget(count: number): void
}

export async function answer<T>(call: () => Promise<T>): Promise<Answer<T>> {
  try {
    return { value: await call() }
  } catch (error) {
    return { kind: error instanceof RemoteError ? error.kind : 'unreachable' }
  }
}

/** A host that makes the calls of each device on the device's own remote. */
export function hostOf(remoteOf: (device: string) => Remote, rest: Pick<Host, 'restore' | 'set' | 'forget'>): Host {
  const remotes = new Map<string, Remote>()
  const watchers = new Map<number, () => void>()
  let numbers = 0
  const of = (device: string): Remote => {
    const remote = remotes.get(device) ?? remoteOf(device)
    remotes.set(device, remote)
    return remote
  }
  /** Ends a call after a time that is longer than any latency of this page. */
  const signal = (): AbortSignal => AbortSignal.timeout(20_000)
  return {
    ...rest,
    append: (device, message, after, id) => answer(() => of(device).append(message, { after, id, signal: signal() })),
    read: (device, after, including) =>
      answer(async () => {
        const batches: (readonly RemoteMessage[])[] = []
        for await (const batch of of(device).read(after, { including, signal: signal() })) batches.push(batch)
        return batches
      }),
    watch(device, hear) {
      watchers.set(++numbers, of(device).watch(hear))
      return numbers
    },
    unwatch(number) {
      watchers.get(number)?.()
      watchers.delete(number)
    },
  }
}

/** A server in memory. */
export function memoryHost(): Host {
  const server = memoryRemote()
  const devices = new Map<string, ReturnType<typeof server.device>>()
  const of = (device: string) => {
    const found = devices.get(device) ?? server.device()
    devices.set(device, found)
    return found
  }
  return hostOf((device) => of(device)(LOG), {
    restore(saved) {
      if (server.messages(LOG).length === 0 && saved.length > 0) server.replace(LOG, saved)
    },
    set: (device, network) => of(device).set(network),
    forget: (count) => server.forget(LOG, count),
  })
}
