/**
 * A remote over NATS JetStream.
 * @module
 */
export type { NatsCredentials } from './nats/connection.ts'
export { type NatsRemoteOptions, natsRemote } from './nats/natsRemote.ts'
