import { type Remote, RemoteError } from 'tidemark'
import { natsRemote } from 'tidemark/nats'
import { type Host, hostOf, type Network } from './host.ts'
import { LOG } from './seats.ts'

/** A real server. Each device has a switch that takes it offline. */
export function natsHost(servers: string): Host {
  const open = natsRemote({ servers })
  const networks = new Map<string, Network>()
  const listeners = new Map<string, Set<(poke: 'online' | 'offline') => void>>()
  const isOffline = (device: string): boolean => networks.get(device)?.offline ?? false

  async function travel(device: string): Promise<void> {
    const { latency = 0 } = networks.get(device) ?? {}
    if (latency > 0) await new Promise((resolve) => setTimeout(resolve, latency / 2))
    if (isOffline(device)) throw new RemoteError('unreachable')
  }

  function remoteOf(device: string): Remote {
    const remote = open(LOG)
    return {
      limits: remote.limits,
      async append(message, options) {
        await travel(device)
        const answer = await remote.append(message, options)
        await travel(device)
        return answer
      },
      async *read(after, options) {
        await travel(device)
        yield* remote.read(after, options)
      },
      watch(hear) {
        const known = listeners.get(device) ?? new Set()
        listeners.set(device, known.add(hear))
        const end = remote.watch((poke) => {
          if (!isOffline(device)) hear(poke)
        })
        return () => {
          known.delete(hear)
          end()
        }
      },
    }
  }

  return hostOf(remoteOf, {
    restore: () => {},
    set(device, network) {
      networks.set(device, network)
      for (const hear of listeners.get(device) ?? []) hear(network.offline ? 'offline' : 'online')
    },
    forget: () => {},
  })
}
