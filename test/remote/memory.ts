import type { RemoteUnderTest } from '../../src/testing/conformance/kit.ts'
import type { MemoryDevice } from '../../src/testing/memoryDevice.ts'
import { type MemoryRemote, type MemoryRemoteOptions, memoryRemote } from '../../src/testing/memoryRemote.ts'

/** A server, and the devices that were opened on it. */
export interface Place extends MemoryRemote {
  readonly devices: Set<MemoryDevice>
}

/** The remote in memory, with all functions that the conformance tests can use. */
export const memorySubject = (options: MemoryRemoteOptions = {}): RemoteUnderTest<Place> => ({
  conditional: options.conditional ?? true,
  create() {
    const server = memoryRemote(options)
    const devices = new Set<MemoryDevice>()
    return {
      ...server,
      devices,
      device(network) {
        const device = server.device(network)
        devices.add(device)
        return device
      },
    }
  },
  open: (server) => server.device()('log'),
  openDenied: (server) => server.device({ denied: true })('log'),
  stop(server) {
    for (const device of server.devices) device.set({ offline: true })
  },
  start(server) {
    for (const device of server.devices) device.set({ offline: false })
  },
  forget: (server, count) => server.forget('log', count),
  remove: (server) => server.remove('log'),
})
