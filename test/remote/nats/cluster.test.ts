import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { jetstreamManager } from '@nats-io/jetstream'
import { wsconnect } from '@nats-io/nats-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { natsRemote } from '../../../src/nats.ts'
import { type Remote, RemoteError, type RemoteMessage } from '../../../src/remote.ts'
import { root } from '../../package/run.ts'
import {
  freePort,
  HOOK_MS,
  hasNatsServer,
  newFolder,
  pause,
  retry,
  type ServerProcess,
  serverProcess,
} from './server.ts'

/** The seconds in which nodes are killed. `npm run soak -- --cluster` sets a minute. */
const SECONDS = Number(process.env.TIDEMARK_CLUSTER ?? 5)
const KILL_EVERY_MS = 5_000
const DEAD_MS = 1_500
const WRITERS = 4
const TEST_MS = SECONDS * 1_000 + 180_000

describe.skipIf(!hasNatsServer())('three nodes', () => {
  let nodes: readonly (ServerProcess & { readonly name: string })[] = []
  let servers: readonly string[] = []
  const users = 'authorization { users = [{ user: admin, password: admin }, { user: member, password: member }] }'
  const connect = (urls: readonly string[]) =>
    wsconnect({ servers: [...urls], user: 'admin', pass: 'admin', reconnect: false, timeout: 5_000 })

  beforeAll(async () => {
    const ports = await Promise.all(Array.from({ length: 6 }, freePort))
    const routes = ports.slice(3).map((port) => `nats-route://127.0.0.1:${port}`)
    servers = ports.slice(0, 3).map((port) => `ws://127.0.0.1:${port}`)
    const template = readFileSync(join(root, 'demo/remote/cluster.conf'), 'utf8')
      .replace(/ {2}tls \{[\s\S]*?\n {2}\}\n/, '')
      .replace(/routes: .*/, `routes: ${JSON.stringify(routes)}`)
    nodes = servers.map((url, i) => {
      const folder = newFolder()
      const config = `server_name: node${i}
listen: "127.0.0.1:-1"
websocket { listen: "127.0.0.1:${ports[i]}", no_tls: true }
jetstream { store_dir: "${join(folder, 'store')}" }
${users}
${template.replace('0.0.0.0:6222', `127.0.0.1:${ports[3 + i]}`)}`
      // One node alone has no quorum, so JetStream doesn't answer yet.
      const isReady = async (): Promise<void> => (await connect([url])).close()
      return { ...serverProcess(folder, config, isReady), name: `node${i}` }
    })
    await Promise.all(nodes.map((node) => node.start()))
    await retry(async () => {
      const nc = await connect(servers)
      try {
        const { streams } = await jetstreamManager(nc, { timeout: 5_000 })
        await streams.add({ name: 'tm_log', subjects: ['tm_log'], num_replicas: 3 })
      } finally {
        await nc.close()
      }
    })
  }, HOOK_MS)
  afterAll(() => Promise.all(nodes.map((node) => node.remove())))

  const signal = AbortSignal.timeout(TEST_MS)
  const open = (): Remote => natsRemote({ servers, credentials: () => ({ user: 'member', pass: 'member' }) })('log')
  async function readOn(remote: Remote, found: RemoteMessage[]): Promise<void> {
    for await (const batch of remote.read(found.at(-1)?.position ?? '', { signal })) found.push(...batch)
  }
  const shown = (messages: readonly RemoteMessage[]): string[] =>
    messages.map(({ position, message }) => `${position} ${new TextDecoder().decode(message)}`)
  async function leader(): Promise<string | undefined> {
    const nc = await connect(servers)
    try {
      const { cluster } = await (await jetstreamManager(nc, { checkAPI: false })).streams.info('tm_log')
      return cluster?.leader
    } finally {
      await nc.close()
    }
  }

  it(
    `keep every acknowledged message and one order, while the leader is killed for ${SECONDS} s`,
    async () => {
      const until = Date.now() + SECONDS * 1_000
      const answers = new Map<string, string>()
      const followed: string[][] = []

      async function write(writer: number): Promise<void> {
        const remote = open()
        const found: RemoteMessage[] = []
        for (let i = 0; Date.now() < until; i++) {
          const id = `writer ${writer}, ${i}`
          try {
            await readOn(remote, found)
            const after = found.at(-1)?.position ?? ''
            answers.set(id, 'unknown')
            answers.set(id, await remote.append(new TextEncoder().encode(id), { after, id, signal }))
          } catch (error) {
            if (!(error instanceof RemoteError) || error.kind !== 'unreachable') throw error
          }
          await pause(20)
        }
        await retry(() => readOn(remote, found), TEST_MS)
        followed.push(shown(found))
      }

      let kills = 0
      async function kill(): Promise<void> {
        while (Date.now() < until - DEAD_MS) {
          await pause(Math.min(KILL_EVERY_MS - DEAD_MS, 2_000))
          const name = await leader().catch(() => undefined)
          const node = nodes.find((one) => one.name === name)
          if (!node) continue
          await node.kill()
          kills++
          await pause(DEAD_MS)
          await node.start()
          await pause(KILL_EVERY_MS - DEAD_MS - 2_000)
        }
      }

      await Promise.all([kill(), ...Array.from({ length: WRITERS }, (_, writer) => write(writer))])
      const all: RemoteMessage[] = []
      await retry(() => readOn(open(), all), TEST_MS)
      const order = shown(all)
      const times = new Map<string, number>()
      for (const { message } of all) {
        const id = new TextDecoder().decode(message)
        times.set(id, (times.get(id) ?? 0) + 1)
      }
      const count = (answer: string): string[] => [...answers].filter(([, one]) => one === answer).map(([id]) => id)
      console.log(
        `${kills} kills, ${count('appended').length} appended, ${count('refused').length} refused, ${count('unknown').length} unknown, ${all.length} there`,
      )
      expect(kills).toBeGreaterThan(0)
      expect(count('appended').filter((id) => times.get(id) !== 1)).toEqual([])
      expect(count('refused').filter((id) => times.has(id))).toEqual([])
      expect([...times].filter(([, number]) => number > 1)).toEqual([])
      // A log that a device read while nodes died is a prefix of the log that every device reads now.
      for (const one of followed) expect(order.slice(0, one.length)).toEqual(one)
    },
    TEST_MS,
  )
})
