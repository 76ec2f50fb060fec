import { runInNewContext } from 'node:vm'
import { JetStreamApiError, jetstream } from '@nats-io/jetstream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ModelError } from '../../../src/errors.ts'
import { isRefusal, toRemoteError } from '../../../src/nats/toRemoteError.ts'
import { type NatsRemoteOptions, natsRemote } from '../../../src/nats.ts'
import { type Remote, RemoteError, type RemoteMessage } from '../../../src/remote.ts'
import { freePort, HOOK_MS, hasNatsServer, type NatsServer, retry, startNatsServer } from './server.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

describe('the name of a log', () => {
  const open = (log: string, options: Partial<NatsRemoteOptions> = {}) =>
    natsRemote({ servers: 'ws://127.0.0.1:1', ...options })(log)

  it('must be a valid name of a stream; otherwise the error says how to fix it', () => {
    for (const log of ['todos', 'todos-42', 'Übung', 'a_b']) expect(() => open(log)).not.toThrow()
    for (const log of ['a.b', 'a b', 'a*', 'a>', 'a/b', 'a\\b', 'me@example.com', 'a\nb'])
      expect(() => open(log), log).toThrow(ModelError)
    expect(() => open('me@example.com')).toThrow(
      `natsRemote: "tm_me@example.com" can't be the stream of log "me@example.com"`,
    )
    expect(() => open('me@example.com', { stream: (log) => log.replaceAll(/\W/g, '_') })).not.toThrow()
  })

  it('must be a valid subject', () => {
    const options = { stream: 'logs', subject: (log: string) => `logs.${log}` }
    for (const log of ['todos', 'team.todos']) expect(() => open(log, options)).not.toThrow()
    for (const log of ['', 'a b', '*', '>', 'a..b', 'a.']) expect(() => open(log, options), log).toThrow(ModelError)
  })
})

describe('an answer of the server', () => {
  const api = (err_code: number, code = 400) => new JetStreamApiError({ code, err_code, description: 'said so' })

  it('is a refusal with either of its two codes', () => {
    expect([10071, 10164, 10077, 10059].map((code) => isRefusal(api(code)))).toEqual([true, true, false, false])
  })

  it('is unreachable if its code is unknown', () => {
    expect(toRemoteError(api(10008, 503)).kind).toBe('unreachable')
    expect(toRemoteError('text').kind).toBe('unreachable')
  })
})

describe.skipIf(!hasNatsServer())('on a server', () => {
  let server: NatsServer
  let monitor: string
  let logs = 0
  beforeAll(async () => {
    const port = await freePort()
    monitor = `http://127.0.0.1:${port}`
    server = await startNatsServer(`
http: "127.0.0.1:${port}"
max_payload: 200000
authorization { users = [{ user: admin, password: admin }, { user: member, password: member }] }`)
  }, HOOK_MS)
  afterAll(() => server?.remove())

  const newLog = async (config: object = {}): Promise<string> => {
    const log = `log${++logs}`
    await server.admin((jsm) => jsm.streams.add({ name: `tm_${log}`, subjects: [`tm_${log}`], ...config }))
    return log
  }
  const open = (log: string, credentials = () => ({ user: 'member', pass: 'member' })): Remote =>
    natsRemote({ servers: server.url, credentials })(log)
  const append = (remote: Remote, message: Uint8Array, after: string): Promise<string> =>
    remote
      .append(message, { after, id: 'id', signal: AbortSignal.timeout(60_000) })
      .catch((error: unknown) => (error instanceof RemoteError ? error.kind : Promise.reject(error)))
  const read = async (remote: Remote, signal: AbortSignal = AbortSignal.timeout(60_000)): Promise<RemoteMessage[]> => {
    const found: RemoteMessage[] = []
    for await (const batch of remote.read('', { signal })) found.push(...batch)
    return found
  }
  const connections = async (): Promise<number> =>
    ((await (await fetch(`${monitor}/connz`)).json()) as { num_connections: number }).num_connections

  it('stores the bytes of another frame', async () => {
    const remote = open(await newLog())
    const foreign = runInNewContext('Uint8Array.of(1, 2, 3)') as Uint8Array
    expect(foreign).not.toBeInstanceOf(Uint8Array)
    expect(await append(remote, foreign, '0')).toBe('appended')
    expect((await read(remote)).map(({ message }) => [...message])).toEqual([[1, 2, 3]])
  })

  it('sends no more than the limit of the server, once the limit is known', async () => {
    const remote = open(await newLog())
    expect(remote.limits.bytes).toBe(1_000_000)
    expect(await append(remote, new Uint8Array(250_000), '')).toBe('too-large')
    expect(remote.limits.bytes).toBeLessThan(200_000)
    expect(await append(remote, new Uint8Array(remote.limits.bytes), '')).toBe('appended')
  })

  it('reports a message as too large if the stream refuses it', async () => {
    const remote = open(await newLog({ max_msg_size: 1_000 }))
    expect(await append(remote, new Uint8Array(2_000), '')).toBe('too-large')
    expect(await append(remote, new Uint8Array(500), '')).toBe('appended')
  })

  it('skips messages that were deleted', async () => {
    const log = await newLog()
    const remote = open(log)
    for (let i = 0; i < 30; i++) await append(remote, bytes(String(i)), i ? String(i) : '')
    await server.admin(async ({ streams }) => {
      for (const seq of [3, 28]) await streams.deleteMessage(`tm_${log}`, seq)
    })
    const positions = (await read(remote)).map(({ position }) => Number(position))
    expect(positions).toEqual(Array.from({ length: 30 }, (_, i) => i + 1).filter((n) => n !== 3 && n !== 28))
    const near: string[] = []
    for await (const batch of remote.read('26', { signal: AbortSignal.timeout(60_000) }))
      near.push(...batch.map(({ position }) => position))
    expect(near).toEqual(['27', '29', '30'])
  })

  it('reads a thousand small messages with one request, and more messages than one answer holds in parts', async () => {
    const log = await newLog()
    const fill = async (count: number, size: number): Promise<void> => {
      const nc = await server.connect('admin', 'admin')
      const js = jetstream(nc)
      await Promise.all(Array.from({ length: count }, () => js.publish(`tm_${log}`, new Uint8Array(size))))
      await nc.close()
    }
    const heard = async (): Promise<number> => ((await (await fetch(`${monitor}/varz`)).json()) as any).in_msgs
    await fill(1000, 100)
    await fill(12, 150_000)
    const remote = open(log)
    await append(remote, bytes('last'), '1012')
    const before = await heard()
    const lengths = (await read(remote)).map(({ message }) => message.length)
    expect(lengths).toEqual([...Array(1000).fill(100), ...Array(12).fill(150_000), 4])
    // The end of the stream, a consumer, the first messages one by one, and about 1 MB with each request.
    expect((await heard()) - before).toBeLessThan(20)
  })

  it('pokes for each message of another device, and not for messages of this device', async () => {
    const log = await newLog()
    const [one, other] = [open(log), open(log)]
    const heard: string[] = []
    const unwatch = one.watch((poke) => heard.push(poke))
    await expect.poll(() => heard).toEqual(['online'])
    for (const after of ['', '1', '2']) expect(await append(one, bytes('own'), after)).toBe('appended')
    expect(await append(other, bytes('of another'), '3')).toBe('appended')
    await expect.poll(() => heard).toEqual(['online', 'more'])
    unwatch()
  })

  it('ends at the last message even if that message was deleted', async () => {
    const log = await newLog()
    const remote = open(log)
    for (let i = 0; i < 20; i++) await append(remote, bytes(String(i)), i ? String(i) : '')
    await server.admin(({ streams }) => streams.deleteMessage(`tm_${log}`, 20))
    expect(await read(remote)).toHaveLength(19)
  })

  it('retries while access is denied, with new credentials each time', async () => {
    let asked = 0
    const remote = open(await newLog(), () => ({ user: 'member', pass: ++asked < 4 ? 'wrong' : 'member' }))
    const heard: string[] = []
    const unwatch = remote.watch((poke) => heard.push(poke))
    await retry(async () => expect(heard).toContain('online'))
    expect(heard).toEqual(['offline', 'online'])
    expect(asked).toBe(4)
    unwatch()
  })

  it('disconnects some time after the last call', async () => {
    await retry(async () => expect(await connections()).toBe(0))
    const remote = open(await newLog())
    await append(remote, bytes('a'), '')
    await read(remote)
    expect(await connections()).toBe(1)
    await retry(async () => expect(await connections()).toBe(0))
    expect(await append(remote, bytes('b'), '1')).toBe('appended')
  })

  it('uses one connection for all callers', async () => {
    await retry(async () => expect(await connections()).toBe(0))
    const remote = open(await newLog())
    const heard: string[] = []
    const unwatch = remote.watch((poke) => heard.push(poke))
    await Promise.all([append(remote, bytes('a'), ''), read(remote), read(remote)])
    await retry(async () => expect(heard).toContain('online'))
    expect(await connections()).toBe(1)
    unwatch()
  })

  it('does not block a caller if it is silent: the call ends at its signal, and the next call works', async () => {
    const remote = open(await newLog())
    await append(remote, bytes('a'), '')
    server.signal('SIGSTOP')
    const controller = new AbortController()
    const calls = [
      remote.append(bytes('b'), { after: '1', id: 'id', signal: controller.signal }),
      read(remote, controller.signal),
    ]
    const reason = new Error('enough')
    controller.abort(reason)
    for (const call of calls) await expect(call).rejects.toBe(reason)
    server.signal('SIGCONT')
    expect((await read(remote))[0]?.message).toEqual(bytes('a'))
  })

  it('can end a long read in the middle', async () => {
    const remote = open(await newLog())
    for (let i = 0; i < 40; i++) await append(remote, new Uint8Array(100_000), i ? String(i) : '')
    const controller = new AbortController()
    const reason = new Error('enough')
    let batches = 0
    const reading = async (): Promise<void> => {
      for await (const batch of remote.read('', { signal: controller.signal })) {
        expect(batch.length).toBeGreaterThan(0)
        if (++batches === 1) controller.abort(reason)
      }
    }
    await expect(reading()).rejects.toBe(reason)
    expect(batches).toBe(1)
    expect(await read(remote)).toHaveLength(40)
  })
})
