import { natsRemote } from 'tidemark/nats'
import { hostProjections } from 'tidemark/worker'
import { model } from './model.ts'

// The worker's name is the address of the remote. If it is empty, the log has no remote.
const { name } = globalThis as unknown as { name: string }
hostProjections(model, name ? { remote: natsRemote({ servers: name }) } : {})
