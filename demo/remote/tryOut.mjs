// npm run demo:nats: starts a nats-server to try out, and the site. The server is on loopback and has no users: do not use it in production.
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { jetstreamManager } from '@nats-io/jetstream'
import { wsconnect } from '@nats-io/nats-core'

const PORT = 4280
const START_MS = 15_000
const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin']
const binary = [process.env.NATS_SERVER ?? '', ...folders.map((folder) => join(folder, 'nats-server'))].find(
  (file) => file !== '' && existsSync(file),
)
if (!binary) {
  console.error(
    'There is no nats-server here. Debian and Ubuntu: apt install nats-server. macOS: brew install nats-server. Others:\n' +
      'https://docs.nats.io/running-a-nats-service/introduction/installation. Or set NATS_SERVER to its path.',
  )
  process.exit(1)
}

// Node has had a WebSocket since version 22.
globalThis.WebSocket ??= /** @type {any} */ ((await import('ws')).WebSocket)

const folder = join(tmpdir(), 'tidemark-demo-nats')
mkdirSync(folder, { recursive: true })
const config = join(folder, 'nats.conf')
writeFileSync(
  config,
  `listen: "127.0.0.1:-1"
websocket { listen: "127.0.0.1:${PORT}", no_tls: true }
jetstream { store_dir: "${folder}" }
`,
)
/** @type {import('node:child_process').ChildProcess[]} */
const children = []
/** @type {(command: string, args: string[], out: 'ignore' | 'inherit') => void} */
const startProgram = (command, args, out) => {
  const child = spawn(command, args, { stdio: ['ignore', out, 'inherit'] })
  child.on('exit', (code) => process.exit(code ?? 1))
  children.push(child)
}
process.on('exit', () => {
  for (const child of children) child.kill()
})
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM'])) process.on(signal, () => process.exit(0))
startProgram(binary, ['-c', config], 'ignore')

const address = `ws://127.0.0.1:${PORT}`
for (const until = Date.now() + START_MS; ; ) {
  try {
    const connection = await wsconnect({ servers: address, reconnect: false })
    await (await jetstreamManager(connection)).streams.add({ name: 'tm_seats', subjects: ['tm_seats'] })
    await connection.close()
    break
  } catch (error) {
    if (Date.now() > until) throw error
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}
console.log(`nats-server: ${address}, its messages are in ${folder}
Open http://localhost:5173/two-devices/?nats=${address} in two browsers: four devices share one log.
Kill the server, start it again, take devices offline. Ctrl+C ends both.`)
startProgram(process.execPath, [join('node_modules', 'vite', 'bin', 'vite.js'), '--mode', 'demo'], 'inherit')
