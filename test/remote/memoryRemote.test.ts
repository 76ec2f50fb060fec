import { afterEach, describe, expect, it, vi } from 'vitest'
import { type Remote, RemoteError } from '../../src/remote.ts'
import { memoryRemote } from '../../src/testing/memoryRemote.ts'

afterEach(() => void vi.useRealTimers())

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const { signal } = new AbortController()
const append = (remote: Remote, text: string, after: string): Promise<string> =>
  remote.append(bytes(text), { after, id: text, signal }).catch((error: RemoteError) => error.kind)
async function read(remote: Remote, after = ''): Promise<string[]> {
  const found: string[] = []
  for await (const batch of remote.read(after, { signal }))
    for (const { message } of batch) found.push(new TextDecoder().decode(message))
  return found
}
const storedOn = (server: ReturnType<typeof memoryRemote>): string[] =>
  server.messages('log').map(({ message }) => new TextDecoder().decode(message))

describe('a fault', () => {
  it('lost: the append is not stored, and the caller does not know', async () => {
    const server = memoryRemote()
    expect(await append(server.device({ faults: { lost: 1 } })('log'), 'a', '')).toBe('unreachable')
    expect(storedOn(server)).toEqual([])
  })

  it('lostAck: the append is stored, and the caller does not know', async () => {
    const server = memoryRemote()
    expect(await append(server.device({ faults: { lostAck: 1 } })('log'), 'a', '')).toBe('unreachable')
    expect(storedOn(server)).toEqual(['a'])
  })

  it('late: the append arrives after its caller has given up, and is stored last unless the remote compares positions', async () => {
    vi.useFakeTimers()
    const run = async (conditional: boolean): Promise<string[]> => {
      const server = memoryRemote({ conditional, lateMs: 50 })
      expect(await append(server.device({ faults: { late: 1 } })('log'), 'late', '')).toBe('unreachable')
      expect(await append(server.device()('log'), 'fast', '')).toBe('appended')
      await vi.advanceTimersByTimeAsync(50)
      return storedOn(server)
    }
    expect(await run(true)).toEqual(['fast'])
    expect(await run(false)).toEqual(['fast', 'late'])
  })

  it('doubled: the append is stored twice, or once if the remote compares positions', async () => {
    const run = async (conditional: boolean): Promise<string[]> => {
      const server = memoryRemote({ conditional })
      expect(await append(server.device({ faults: { doubled: 1 } })('log'), 'a', '')).toBe('appended')
      return storedOn(server)
    }
    expect(await run(true)).toEqual(['a'])
    expect(await run(false)).toEqual(['a', 'a'])
  })

  it('garbage: a foreign message is stored before the append', async () => {
    const server = memoryRemote({ conditional: false })
    const remote = server.device({ faults: { garbage: 1 } })('log')
    for (let i = 0; i < 20; i++) await append(remote, `message ${i}`, String(2 * i))
    expect(storedOn(server)).toHaveLength(40)
    const others = storedOn(server).filter((_, i) => i % 2 === 0)
    expect(new Set(others).size).toBeGreaterThan(10)
  })

  it('lostRead: a read ends early, between batches', async () => {
    const server = memoryRemote({ batch: 1 })
    for (let i = 0; i < 10; i++) server.put('log', bytes(String(i)))
    const remote = server.device({ faults: { lostRead: 1 } })('log')
    const lengths = new Set<number>()
    for (let i = 0; i < 50; i++) {
      let length = 0
      const run = async (): Promise<void> => {
        for await (const batch of remote.read('', { signal })) length += batch.length
      }
      await expect(run()).rejects.toThrow(RemoteError)
      lengths.add(length)
    }
    expect(lengths.size).toBeGreaterThan(5)
  })

  it('lostPoke: the device gets no poke', async () => {
    const server = memoryRemote()
    const heard: string[] = []
    const unwatch = server
      .device({ faults: { lostPoke: 1 } })('log')
      .watch((poke) => heard.push(poke))
    server.put('log', bytes('a'))
    await Promise.resolve()
    expect(heard).toEqual(['online'])
    unwatch()
  })
})

describe('the network', () => {
  it('delays requests and answers', async () => {
    vi.useFakeTimers()
    const server = memoryRemote()
    const remote = server.device({ latency: 100 })('log')
    const answer = append(remote, 'a', '')
    await vi.advanceTimersByTimeAsync(49)
    expect(storedOn(server)).toEqual([])
    await vi.advanceTimersByTimeAsync(1)
    expect(storedOn(server)).toEqual(['a'])
    await vi.advanceTimersByTimeAsync(50)
    expect(await answer).toBe('appended')
  })

  it('gives the caller no answer if it is lost during an append', async () => {
    vi.useFakeTimers()
    const server = memoryRemote()
    const device = server.device({ latency: 100 })
    const answer = append(device('log'), 'a', '')
    await vi.advanceTimersByTimeAsync(60)
    device.set({ offline: true })
    await vi.advanceTimersByTimeAsync(60)
    expect(await answer).toBe('unreachable')
    expect(storedOn(server)).toEqual(['a'])
  })

  it('without latency uses no timer', async () => {
    vi.useFakeTimers()
    const remote = memoryRemote().device()('log')
    expect(await append(remote, 'a', '')).toBe('appended')
    expect(await read(remote)).toEqual(['a'])
    expect(vi.getTimerCount()).toBe(0)
  })

  it('reports to its watchers that a device is offline or denied', async () => {
    const device = memoryRemote().device()
    const heard: string[] = []
    const unwatch = device('log').watch((poke) => heard.push(poke))
    for (const change of [{ offline: true }, { denied: true }, { offline: false }, { denied: false }])
      device.set(change)
    await Promise.resolve()
    expect(heard).toEqual(['online', 'offline', 'online'])
    unwatch()
  })
})

describe('the server', () => {
  it('forgets its newest messages, and gives their positions to later messages', async () => {
    const server = memoryRemote()
    const remote = server.device()('log')
    for (const [i, text] of ['a', 'b', 'c'].entries()) await append(remote, text, i ? String(i) : '')
    const heard: string[] = []
    const unwatch = remote.watch((poke) => heard.push(poke))
    server.forget('log', 2)
    expect(await append(remote, 'd', '3')).toBe('refused')
    expect(await append(remote, 'd', '1')).toBe('appended')
    expect(await read(remote, '1')).toEqual(['d'])
    expect(heard.slice(0, 3)).toEqual(['online', 'offline', 'online'])
    unwatch()
  })

  it('starts with a backup, and creates a deleted log again', async () => {
    const server = memoryRemote()
    const remote = server.device()('log')
    await append(remote, 'a', '')
    const backup = server.messages('log').map(({ message }) => message)
    await append(remote, 'b', '1')
    server.remove('log')
    expect(await append(remote, 'c', '')).toBe('gone')
    server.replace('log', backup)
    expect(await read(remote)).toEqual(['a'])
  })

  it('keeps its logs separate', async () => {
    const device = memoryRemote().device()
    await append(device('one'), 'a', '')
    expect(await read(device('two'))).toEqual([])
  })
})

it('repeats a run for the same seed, and differs for another seed', async () => {
  const run = async (seed: number): Promise<string> => {
    const server = memoryRemote({ seed, conditional: false })
    const remote = server.device({ faults: { lost: 0.2, lostAck: 0.2, doubled: 0.2, garbage: 0.2 } })('log')
    const answers: string[] = []
    for (let i = 0; i < 40; i++) answers.push(await append(remote, String(i), ''))
    return JSON.stringify([answers, storedOn(server)])
  }
  expect(await run(5)).toBe(await run(5))
  expect(await run(5)).not.toBe(await run(6))
})
