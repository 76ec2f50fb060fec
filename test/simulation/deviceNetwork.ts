import type { OpenRemote } from 'tidemark'
import { defineRemote } from 'tidemark/sync'
import { type MemoryRemote, memoryRemote } from 'tidemark/testing'
import { type Actor, current, type World } from './world.ts'

/** The network between devices and their remote. Requests and answers wait until a step delivers them. */

/** The name of the log at the remote. */
export const LOG = 'shared'

export type NetworkOfDevice = ReturnType<MemoryRemote['device']>

export interface Network {
  readonly server: MemoryRemote
  /** The remote as this device reaches it. */
  remoteOf(name: string, network: NetworkOfDevice): OpenRemote
  /** Whether no request and no answer is in progress. */
  readonly isQuiet: boolean
  /** Delivers late messages. */
  arrive(): void
}

export function createNetwork(w: World, seed: number): Network {
  const { random } = w
  const late: { readonly due: number; readonly run: () => void }[] = []
  const calls: { readonly actor: Actor; readonly label: string; readonly run: () => void }[] = []
  const server = memoryRemote({
    seed,
    conditional: random.chance(0.7),
    batch: random.pick([1, 3, 100]),
    bytes: 100_000,
    later: (run, ms) => late.push({ due: w.now + ms, run }),
  })

  function call<T>(label: string, ask: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const actor = current()
      const answer = (tell: () => void): void => w.post(actor, 'remote', `answer to ${label}`, tell)
      const run = (): void =>
        void ask().then(
          (value) => answer(() => resolve(value)),
          (error) => answer(() => reject(error)),
        )
      calls.push({ actor, label, run })
    })
  }

  w.sources.push((add) => {
    for (const one of calls)
      add({
        key: `remote ${one.label.slice(0, 4)}`,
        label: () => `the server: ${one.label}`,
        run() {
          calls.splice(calls.indexOf(one), 1)
          if (one.actor.alive || random.chance(0.5)) one.run()
        },
      })
    for (const one of late)
      if (one.due <= w.now)
        add({
          key: 'late',
          label: 'a late append arrives',
          run() {
            late.splice(late.indexOf(one), 1)
            one.run()
          },
        })
  })

  return {
    server,
    get isQuiet() {
      return !calls.length && !late.length
    },
    arrive() {
      for (const one of late.splice(0)) one.run()
    },
    remoteOf: (name, network) =>
      defineRemote(() => {
        const inner = network(LOG)
        return {
          limits: inner.limits,
          append: (message, options) =>
            call(`${name} append ${options.id.slice(-3)}`, () => inner.append(message, options)),
          async *read(after, options) {
            const { batches, error } = await call(`${name} read ${after}`, async () => {
              const batches = []
              try {
                for await (const batch of inner.read(after, options)) batches.push(batch)
              } catch (error) {
                return { batches, error }
              }
              return { batches, error: undefined }
            })
            yield* batches
            if (error) throw error
          },
          watch(hear) {
            const actor = current()
            return inner.watch((poke) => w.post(actor, 'remote', `poke ${poke}`, () => hear(poke)))
          },
        }
      }),
  }
}

/** The commits of a message. The simulated gzip does not change bytes. */
export interface Message {
  readonly id: string
  readonly after: string
  readonly first: number
  readonly last: number
  readonly records: readonly { readonly id: string; readonly first: number; readonly commands: readonly any[] }[]
}

/** The messages that belong to the log, by a separate implementation of the reader. */
export function messagesOf(w: World, server: MemoryRemote): Message[] {
  const decoder = new TextDecoder()
  const log: Message[] = []
  let last = ''
  let head = 0
  for (const { message } of server.messages(LOG)) {
    const end = message.indexOf(10)
    let header: any
    const records: any[] = []
    try {
      header = JSON.parse(decoder.decode(message.subarray(0, end)))
      if (header.bytes !== message.length - end - 1) continue
      if (header.after !== last || header.first !== head + 1) {
        w.hit('devices: a message that is no log')
        continue
      }
      const lines = decoder.decode(message.subarray(end + 1)).split('\n')
      for (let i = 0; i + 1 < lines.length; i += 2)
        records.push({ ...JSON.parse(lines[i]!), commands: JSON.parse(lines[i + 1]!) })
    } catch {
      continue
    }
    log.push({ ...header, records })
    last = header.id
    head = header.last
  }
  return log
}
