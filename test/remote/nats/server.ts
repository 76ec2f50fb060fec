import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream'
import { type NatsConnection, wsconnect } from '@nats-io/nats-core'
import { WebSocket } from 'ws'
import { findNatsServer } from './find.mjs'

// Node has had a WebSocket since version 22.
globalThis.WebSocket ??= WebSocket as unknown as typeof globalThis.WebSocket

export const hasNatsServer = (): boolean => findNatsServer() !== undefined

/** A process of nats-server, with a folder that is deleted with it. */
export interface ServerProcess {
  readonly folder: string
  /** Kills the process with `kill -9`. */
  kill(): Promise<void>
  /** Starts the process, and waits until it is ready. */
  start(): Promise<void>
  signal(name: NodeJS.Signals): void
  /** Kills the process, and removes its folder. */
  remove(): Promise<void>
}

/** A server on loopback with its own store. */
export interface NatsServer extends ServerProcess {
  readonly url: string
  /** Connects with the credentials of a user. */
  connect(user: string, pass?: string): Promise<NatsConnection>
  /** Calls JetStream as the admin. */
  admin<T>(run: (jsm: JetStreamManager) => Promise<T>): Promise<T>
}

/** Milliseconds that a server may take to start on a busy machine. */
const START_MS = 60_000
/** The timeout of tests that create keys and start a server. */
export const HOOK_MS = 120_000
const POLL_MS = 25

export const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Calls a function until it does not throw. */
export async function retry<T>(run: () => Promise<T>, patience: number = START_MS): Promise<T> {
  const until = Date.now() + patience
  while (true) {
    try {
      return await run()
    } catch (error) {
      if (Date.now() > until) throw error
      await pause(POLL_MS)
    }
  }
}

/** The least permissions that a member of a log needs. */
export const memberPermissions = (stream: string, subject: string, inbox: string): string => `{
  publish: [
    "${subject}"
    "$JS.API.STREAM.INFO.${stream}"
    "$JS.API.STREAM.MSG.GET.${stream}"
    "$JS.API.CONSUMER.CREATE.${stream}.>"
    "$JS.API.CONSUMER.INFO.${stream}.>"
    "$JS.API.CONSUMER.MSG.NEXT.${stream}.>"
  ]
  subscribe: "${inbox}.>"
}`

export const newFolder = (): string => mkdtempSync(join(tmpdir(), 'tidemark-nats-'))

/** Controls a server process. `isReady` throws until the server is ready. */
export function serverProcess(folder: string, config: string, isReady: () => Promise<unknown>): ServerProcess {
  const binary = findNatsServer()
  if (!binary) throw new Error('there is no nats-server')
  const file = join(folder, 'nats.conf')
  const log = join(folder, 'server.log')
  writeFileSync(file, config)
  let child: ChildProcess | undefined
  async function kill(): Promise<void> {
    const dying = child
    child = undefined
    if (!dying || dying.exitCode !== null) return
    const ended = new Promise((resolve) => dying.once('exit', resolve))
    dying.kill('SIGKILL')
    await ended
  }
  return {
    folder,
    kill,
    signal: (name) => void child?.kill(name),
    async start() {
      const started = (child = spawn(binary, ['-c', file, '--log', log], { stdio: ['ignore', 'ignore', 'pipe'] }))
      let said = ''
      started.stderr?.on('data', (part) => (said += part))
      await retry(async () => {
        if (started.exitCode !== null)
          throw new Error(
            `nats-server ended: ${said}\n${existsSync(log) ? readFileSync(log, 'utf8').slice(-2000) : ''}`,
          )
        await isReady()
      })
    },
    async remove() {
      await kill()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Starts a server. This function chooses the listeners and the store; `config` is added. */
export async function startNatsServer(config: string): Promise<NatsServer> {
  const folder = newFolder()
  const port = await freePort()
  const url = `ws://127.0.0.1:${port}`
  const connect: NatsServer['connect'] = (user, pass = user) =>
    wsconnect({ servers: url, user, pass, reconnect: false, timeout: 5_000, inboxPrefix: `_INBOX_${user}` })
  const admin: NatsServer['admin'] = async (run) => {
    const nc = await connect('admin')
    try {
      return await run(await jetstreamManager(nc))
    } finally {
      await nc.close()
    }
  }
  const process = serverProcess(
    folder,
    `server_name: test
listen: "127.0.0.1:-1"
websocket { listen: "127.0.0.1:${port}", no_tls: true }
jetstream { store_dir: "${join(folder, 'store')}" }
${config}`,
    () => admin((jsm) => jsm.getAccountInfo()),
  )
  await process.start()
  return { ...process, url, connect, admin }
}
