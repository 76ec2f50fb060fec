/**
 * Specifications of commands, engines and remotes for tests.
 * @module
 */

export type { RemoteUnderTest } from './testing/conformance/kit.ts'
export {
  type Expectation,
  type GivenEvent,
  given,
  type OldEvent,
  type RowsOf,
  type Specification,
} from './testing/given.ts'
export type { DeviceNetwork, MemoryDevice, RemoteFaults } from './testing/memoryDevice.ts'
export { type MemoryRemote, type MemoryRemoteOptions, memoryRemote } from './testing/memoryRemote.ts'
export { openTestEngine, type TestEngineOptions } from './testing/openTestEngine.ts'
export type { Reacted, ReactionFakes } from './testing/reacts.ts'
export { type ConformanceCase, remoteConformance } from './testing/remoteConformance.ts'
