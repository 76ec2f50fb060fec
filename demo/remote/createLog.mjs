// Your server runs this once for each log, when it creates the team, the account or the document that the log belongs to.
import { DiscardPolicy, jetstreamManager, RetentionPolicy, StorageType } from '@nats-io/jetstream'
import { jwtAuthenticator, wsconnect } from '@nats-io/nats-core'
import { mint } from './mint.mjs'

/**
 * Creates the stream of a log. Nobody can remove a single message from it, not even an administrator: only the whole stream can be deleted.
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
      // A full log refuses an append. It never drops old messages. The server reserves these bytes: all logs together have max_file_store.
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
