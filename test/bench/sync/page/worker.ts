import { natsRemote } from 'tidemark/nats'
import { hostProjections } from 'tidemark/worker'
import { model } from './model.ts'

// The page puts the address into the worker's name; without one, the log has no remote.
const { name } = globalThis as unknown as { name: string }
hostProjections(model, name ? { remote: natsRemote({ servers: name }) } : {})
