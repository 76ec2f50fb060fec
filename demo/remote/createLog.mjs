// Once for each log, when your server creates what the log is for: a team, an account, a document.
import { DiscardPolicy, jetstreamManager, RetentionPolicy, StorageType } from '@nats-io/jetstream'
import { jwtAuthenticator, wsconnect } from '@nats-io/nats-core'
import { mint } from './mint.mjs'

/**
 * Makes the stream of a log. Nobody can take a message out of it again, not even who runs the server, except by deleting it.
 * @param {string} servers
 * @param {string} group
 * @param {string} log
 */
export async function createLog(servers, group, log, { replicas = 1, bytes = 100_000_000 } = {}) {
  const { jwt, seed, inboxPrefix } = await mint(group, undefined, 60)
  const authenticator = jwtAuthenticator(jwt, new TextEncoder().encode(seed))
  const connection = await wsconnect({ servers, authenticator, inboxPrefix })
  try {
    const streams = (await jetstreamManager(connection)).streams
    await streams.add({
      name: `tm_${log}`,
      subjects: [`tm_${log}`],
      storage: StorageType.File,
      retention: RetentionPolicy.Limits,
      // A full log refuses an append. It never drops its beginning. The server sets the space aside: all logs together have max_file_store.
      discard: DiscardPolicy.New,
      max_bytes: bytes,
      max_msg_size: 1_048_576,
      num_replicas: replicas,
      deny_delete: true,
      deny_purge: true,
    })
  } finally {
    await connection.close()
  }
}
