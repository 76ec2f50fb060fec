import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { jetstreamManager } from '@nats-io/jetstream'
import { errors, jwtAuthenticator, type NatsConnection, wsconnect } from '@nats-io/nats-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { type NatsCredentials, natsRemote } from '../../../src/nats.ts'
import { type Remote, RemoteError } from '../../../src/remote.ts'
import { root } from '../../package/run.ts'
import { findNatsServer } from './find.mjs'
import { freePort, HOOK_MS, hasNatsServer, newFolder, retry, type ServerProcess, serverProcess } from './server.ts'

const ORIGIN = 'https://app.example.com'
let origin = ORIGIN
/** Connects like a browser, which sends the origin of its page. The certificate of the test is its own authority. */
class BrowserSocket extends WebSocket {
  constructor(url: string) {
    super(url, { origin, rejectUnauthorized: false })
  }
}

const signal = AbortSignal.timeout(60_000)
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
async function read(remote: Remote): Promise<string[]> {
  const found: string[] = []
  for await (const batch of remote.read('', { signal }))
    for (const { message } of batch) found.push(new TextDecoder().decode(message))
  return found
}
const kindOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    (value) => value,
    (error) => (error instanceof RemoteError ? error.kind : error),
  )
const append = (remote: Remote, text: string, after: string): Promise<unknown> =>
  kindOf(remote.append(bytes(text), { after, id: 'id', signal }))

describe.skipIf(!hasNatsServer())('a server of the template', () => {
  let server: ServerProcess
  let servers: string
  let mint: typeof import('../../../demo/remote/mint.mjs').mint
  let createLog: typeof import('../../../demo/remote/createLog.mjs').createLog
  const before = globalThis.WebSocket

  beforeAll(async () => {
    globalThis.WebSocket = BrowserSocket as unknown as typeof globalThis.WebSocket
    const folder = newFolder()
    const inFolder = (file: string): string => join(folder, file)
    process.env.NATS_KEYS = inFolder('keys.json')
    const scripts = join(root, 'demo/remote')
    writeFileSync(
      inFolder('accounts.conf'),
      execFileSync(process.execPath, [join(scripts, 'accounts.mjs'), 'acme', 'globex'], { cwd: folder }),
    )
    ;({ mint } = await import('../../../demo/remote/mint.mjs'))
    ;({ createLog } = await import('../../../demo/remote/createLog.mjs'))
    execFileSync(
      'openssl',
      `req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout ${inFolder('privkey.pem')} -out ${inFolder('fullchain.pem')}`.split(
        ' ',
      ),
      { stdio: 'ignore' },
    )
    const port = await freePort()
    servers = `wss://127.0.0.1:${port}`
    const version = execFileSync(findNatsServer()!, ['--version'], { encoding: 'utf8' })
    const config = readFileSync(join(scripts, 'nats.conf'), 'utf8')
      .replaceAll('/etc/nats-server/', `${folder}/`)
      .replace('/var/lib/nats', inFolder('store'))
      .replace('127.0.0.1:4222', '127.0.0.1:-1')
      .replace('http: "127.0.0.1:8222"', '')
      .replace('0.0.0.0:8443', `127.0.0.1:${port}`)
      .replace('50GB', '1GB')
      .replace(/v2\.9\./.test(version) ? 'sync_interval: always' : /$^/, '')
    server = serverProcess(folder, config, async () => (await connect(await mint('acme'))).close())
    await server.start()
    for (const log of ['ours', 'theirs']) await createLog(servers, 'acme', log)
    await createLog(servers, 'globex', 'ours')
  }, HOOK_MS)
  afterAll(async () => {
    globalThis.WebSocket = before
    await server?.remove()
  })

  const connect = ({ jwt, seed, inboxPrefix }: Awaited<ReturnType<typeof mint>>): Promise<NatsConnection> =>
    wsconnect({ servers, authenticator: jwtAuthenticator(jwt, bytes(seed)), inboxPrefix, reconnect: false })
  const member = (group: string, log: string, seconds?: number): Remote =>
    natsRemote({ servers, credentials: () => mint(group, log, seconds) })(log)

  it('lets a member append, read and watch', async () => {
    const [writer, reader] = [member('acme', 'ours'), member('acme', 'ours')]
    const heard: string[] = []
    const unwatch = reader.watch((poke) => heard.push(poke))
    await retry(async () => expect(heard).toContain('online'))
    expect(await append(writer, 'first', '')).toBe('appended')
    await retry(async () => expect(heard).toContain('more'))
    expect(await read(reader)).toEqual(['first'])
    unwatch()
  })

  it('lets a member do nothing else', async () => {
    const nc = await connect(await mint('acme', 'ours'))
    const calls = [
      ['tm_theirs', 'junk'],
      ['$JS.API.STREAM.INFO.tm_theirs', ''],
      ['$JS.API.STREAM.MSG.GET.tm_theirs', '{"seq":1}'],
      ['$JS.API.DIRECT.GET.tm_theirs', '{"seq":1}'],
      ['$JS.API.CONSUMER.CREATE.tm_theirs.mine', '{}'],
      ['$JS.API.CONSUMER.DURABLE.CREATE.tm_ours.mine', '{}'],
      ['$JS.API.CONSUMER.LIST.tm_ours', ''],
      ['$JS.API.STREAM.NAMES', ''],
      ['$JS.API.STREAM.LIST', ''],
      ['$JS.API.STREAM.CREATE.tm_mine', '{"name":"tm_mine","subjects":["mine"]}'],
      ['$JS.API.STREAM.UPDATE.tm_ours', '{"name":"tm_ours","subjects":["tm_ours"],"max_msgs":1}'],
      ['$JS.API.STREAM.DELETE.tm_ours', ''],
      ['$JS.API.STREAM.PURGE.tm_ours', ''],
      ['$JS.API.STREAM.MSG.DELETE.tm_ours', '{"seq":1}'],
      ['$JS.API.STREAM.SNAPSHOT.tm_ours', '{"deliver_subject":"x"}'],
      ['$JS.API.INFO', ''],
      ['$SYS.REQ.SERVER.PING', ''],
    ] as const
    for (const [subject, payload] of calls) {
      const error = await nc.request(subject, payload, { timeout: 5_000 }).then(
        (answer) => answer.string(),
        (error: Error) => error.cause ?? error,
      )
      expect(error, subject).toBeInstanceOf(errors.PermissionViolationError)
    }
    for (const subject of ['>', 'tm_theirs', '_INBOX_>', '_INBOX.>', '$JS.API.>', '$SYS.>']) {
      const closed = nc.subscribe(subject, { callback: () => {} }).closed
      expect(await closed, subject).toBeInstanceOf(errors.PermissionViolationError)
    }
    await nc.close()
    expect(await read(member('acme', 'ours'))).toEqual(['first'])
    expect(await read(member('acme', 'theirs'))).toEqual([])
  })

  it('keeps groups apart: the same name in another group is another log', async () => {
    expect(await read(member('globex', 'ours'))).toEqual([])
    expect(await append(member('globex', 'ours'), 'of globex', '')).toBe('appended')
    expect(await read(member('acme', 'ours'))).toEqual(['first'])
  })

  it('protects appended messages even from the admin of the group, unless the whole log is deleted', async () => {
    const nc = await connect(await mint('acme'))
    const { streams } = await jetstreamManager(nc)
    await expect(streams.purge('tm_ours')).rejects.toThrow(/purge not permitted/)
    await expect(streams.deleteMessage('tm_ours', 1)).rejects.toThrow(/delete not permitted/)
    await nc.close()
    expect(await read(member('acme', 'ours'))).toEqual(['first'])
  })

  it('lets members of one group put junk into its logs through the subject of an answer, which is why groups are separate', async () => {
    const nc = await connect(await mint('acme', 'ours'))
    nc.publish('$JS.API.STREAM.INFO.tm_ours', '', { reply: 'tm_theirs' })
    await nc.flush()
    await retry(async () => expect(await read(member('acme', 'theirs'))).toHaveLength(1))
    nc.publish('$JS.API.STREAM.INFO.tm_ours', '', { reply: '$JS.API.STREAM.DELETE.tm_theirs' })
    await nc.flush()
    await nc.close()
    expect(await read(member('acme', 'theirs'))).toHaveLength(1)
  })

  it('refuses credentials that expired, and asks for new ones while a device watches', async () => {
    const expired = await mint('acme', 'ours', -1)
    const late = natsRemote({ servers, credentials: () => expired })('ours')
    expect(await kindOf(read(late))).toBe('denied')
    expect(await append(late, 'late', '1')).toBe('denied')

    let asked = 0
    const credentials = (): Promise<NatsCredentials> => {
      asked++
      return mint('acme', 'ours', 2)
    }
    const remote = natsRemote({ servers, credentials })('ours')
    const heard: string[] = []
    const unwatch = remote.watch((poke) => heard.push(poke))
    await retry(async () => expect(heard.filter((poke) => poke === 'online').length).toBeGreaterThan(2))
    expect(heard.slice(0, 5)).toEqual(['online', 'offline', 'online', 'offline', 'online'])
    expect(asked).toBeGreaterThan(2)
    unwatch()
  })

  it('reports denied if the app throws it, and unreachable if the app has no credentials', async () => {
    const given = (error: unknown): Remote => natsRemote({ servers, credentials: () => Promise.reject(error) })('ours')
    expect(await kindOf(read(given(new RemoteError('denied'))))).toBe('denied')
    expect(await kindOf(read(given(new TypeError('Failed to fetch'))))).toBe('unreachable')
  })

  it('refuses pages of other sites', async () => {
    origin = 'https://evil.example.com'
    expect(await kindOf(read(member('acme', 'ours')))).toBe('unreachable')
    origin = ORIGIN
    expect(await read(member('acme', 'ours'))).toEqual(['first'])
  })

  it('refuses an append to a full log, and keeps its beginning', async () => {
    await createLog(servers, 'acme', 'small', { bytes: 20_000 })
    const remote = member('acme', 'small')
    const text = 'x'.repeat(9_000)
    expect(await append(remote, text, '')).toBe('appended')
    expect(await append(remote, text, '1')).toBe('appended')
    expect(await append(remote, text, '2')).toBe('denied')
    expect(await read(remote)).toEqual([text, text])
  })
})
