import FDBKeyRange from 'fake-indexeddb/lib/FDBKeyRange'
import { randomId } from '../../src/ids.ts'
import { fetchCode } from './code.ts'
import { Bytes, type Files } from './files.ts'
import { real } from './globals.ts'
import type { Storage } from './indexedDb.ts'
import { type Actor, current, inWorld, type Move, type World, world } from './world.ts'

/** Posts a message to each channel of this name, as any page of the origin may. */
export function shout(name: string, data: unknown): void {
  for (const to of channels)
    if (to.name === name) world().post(to.actor, `channel ${to.number}`, 'shouted', () => to.onmessage?.({ data }))
}

/** Installs the parts of the platform that the library uses. Each call belongs to the tab or worker whose task runs. */
export interface Browser {
  /** The browser ends the workers that no living tab has a port to. */
  readonly workers: ReadonlyMap<string, Worker>
  /** Runs the script again behind the same ports (Safari). */
  restart(worker: Worker): void
  /** Called with each message to the other pages of the origin when it is posted. */
  said: (actor: Actor, data: any) => void
  /** Called with each message that a tab or worker receives. `byEngine`: its first listener receives it. */
  heard: (actor: Actor, data: any, byEngine: boolean) => void
  /** `'stolen'`: the lock was stolen, and its holder does not know yet. */
  holds(actor: Actor, lock: string): 'held' | 'stolen' | undefined
  /** The holder of the lock. */
  holder(lock: string): Actor | undefined
}
export interface Worker {
  readonly url: string
  actor: Actor
  readonly ports: Port[]
}

const now = new Map<Actor, Record<string, any>>()
/** The globals of which each actor has its own. */
const own = (): Record<string, any> => {
  const actor = current()
  let mine = now.get(actor)
  if (!mine) now.set(actor, (mine = {}))
  return mine
}

let browser: Browser
let channels: Set<Channel>
let locks: Map<string, Lock[]>
let timers = 0
let numbers = 0
const MINUTE = 60_000

class Channel {
  onmessage: ((event: { data: unknown }) => void) | null = null
  readonly actor = current()
  readonly number = ++numbers
  closed = false
  private sent = 0
  /** The engine of a tab is its first listener. */
  readonly isEngine: boolean
  constructor(readonly name: string) {
    this.isEngine = ![...channels].some(({ actor, name: other }) => actor === this.actor && other === name)
    channels.add(this)
    this.actor.ends.add(() => this.close())
  }
  postMessage(data: unknown): void {
    if (this.closed) throw new DOMException('closed', 'InvalidStateError')
    browser.said(this.actor, data)
    const { faults, random, post, hit } = world()
    for (const to of channels) {
      if (to === this || to.name !== this.name) continue
      if (to.actor.deaf || random.chance(faults.drop)) {
        hit('hint lost')
        continue
      }
      for (let copies = random.chance(faults.double) ? 2 : 1; copies--; ) {
        const copy = structuredClone(data)
        const lane = `channel ${to.number} ${faults.swap ? this.sent++ % 3 : ''}`
        post(
          to.actor,
          lane,
          () => `hint ${label(copy)}`,
          () => {
            if (to.closed) return
            browser.heard(to.actor, copy, to.isEngine)
            to.onmessage?.({ data: copy })
          },
        )
      }
    }
  }
  close(): void {
    this.closed = true
    channels.delete(this)
  }
}
const label = (hint: any): string =>
  hint?.commit ? `${hint.commit.first}-${hint.commit.last}` : JSON.stringify(hint).slice(0, 60)

interface Lock {
  readonly actor: Actor
  readonly mode: 'shared' | 'exclusive'
  state: 'waiting' | 'held' | 'stolen' | 'over'
  /** The step that grants it. */
  readonly move: Move
  lose(): void
}

/** The first lock that waits, if all that are held let it through. Every step asks this of every lock, so it creates no objects. */
function nextOf(queue: readonly Lock[]): Lock | undefined {
  let next: Lock | undefined
  for (const lock of queue) if (lock.state === 'waiting' && !next) next = lock
  if (next)
    for (const { state, mode } of queue) if (state === 'held' && (mode !== 'shared' || next.mode !== 'shared')) return
  return next
}

function request(name: string, ...given: readonly any[]): Promise<unknown> {
  const [options, callback] = given.length > 1 ? given : [{}, ...given]
  const w = world()
  const actor = current()
  const { mode = 'exclusive', signal, ifAvailable, steal } = options
  const known = locks.get(name)?.filter(({ state }) => state !== 'stolen')
  const taken = known?.some((lock) => mode === 'exclusive' || lock.mode === 'exclusive')
  if (ifAvailable && taken) return new Promise((done) => done(callback(null)))
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const queue = locks.get(name) ?? []
    locks.set(name, queue)
    const over = (): void => {
      if (lock.state === 'over') return
      lock.state = 'over'
      queue.splice(queue.indexOf(lock), 1)
      if (!queue.length) locks.delete(name)
      actor.ends.delete(over)
      signal?.removeEventListener('abort', leave)
    }
    const leave = (): void => {
      if (lock.state !== 'waiting') return
      over()
      reject(signal.reason)
    }
    const lock: Lock = {
      actor,
      mode,
      state: 'waiting',
      move: {
        key: `lock ${name}`,
        label: () => `${actor.name} is next for ${name.slice(0, 30)}`,
        run() {
          lock.state = 'held'
          signal?.removeEventListener('abort', leave)
          w.post(actor, `lock ${name}`, `lock ${name.slice(0, 24)} granted`, () => {
            new Promise((done) => done(callback({ name, mode }))).finally(over).then(resolve, reject)
          })
        },
      },
      lose() {
        w.hit('lock stolen')
        lock.state = 'stolen'
        // This task runs after the earlier answers of the files.
        w.post(actor, 'files', `lock ${name.slice(0, 24)} stolen`, () => {
          over()
          reject(new DOMException('stolen', 'AbortError'))
        })
      },
    }
    signal?.addEventListener('abort', leave)
    actor.ends.add(over)
    if (steal) {
      for (const other of queue) if (other.state === 'held') other.lose()
      queue.unshift(lock)
    } else queue.push(lock)
  })
}

/** One end of a pair of message ports. */
class Port {
  peer: Port | undefined
  closed = false
  started = false
  readonly number = ++numbers
  private listeners = new Set<(event: any) => void>()
  private held: unknown[] = []
  private handler: ((event: any) => void) | null = null
  /** The receiver: the port of a restarted worker belongs to the new worker. */
  constructor(public actor: Actor = current()) {}
  get onmessage(): ((event: any) => void) | null {
    return this.handler
  }
  set onmessage(handler: ((event: any) => void) | null) {
    this.handler = handler
    this.start()
  }
  addEventListener(type: string, listener: any): void {
    if (type === 'message') this.listeners.add(listener)
  }
  removeEventListener(_type: string, listener: any): void {
    this.listeners.delete(listener)
  }
  start(): void {
    this.started = true
    for (const data of this.held.splice(0)) this.receive(data)
  }
  close(): void {
    this.closed = true
  }
  postMessage(data: unknown, transfer?: readonly unknown[]): void {
    if (transfer?.length) throw new Error('transferring is not simulated')
    const copy = structuredClone(data)
    if (this.closed || !this.peer || this.peer.closed) return
    if (this.peer.started) this.peer.receive(copy)
    else this.peer.held.push(copy)
  }
  private receive(data: unknown): void {
    world().post(
      this.actor,
      `port ${this.number}`,
      () => `message ${JSON.stringify(data)?.slice(0, 50)}`,
      () => {
        if (this.closed) return
        const event = { data, origin: '' }
        this.handler?.(event)
        for (const listener of [...this.listeners]) listener(event)
      },
    )
  }
  forget(): void {
    this.listeners.clear()
    this.handler = null
  }
}
Object.defineProperty(Port, 'name', { value: 'MessagePort' })

class Channels {
  port1 = new Port()
  port2 = new Port()
  constructor() {
    this.port1.peer = this.port2
    this.port2.peer = this.port1
  }
}

/** Both sides of a compression, which takes time but changes no bytes here. */
class Compression {
  private readonly parts: Uint8Array[] = []
  private readonly over: Promise<void>
  private end = (): void => {}
  constructor() {
    this.over = new Promise((resolve) => {
      this.end = resolve
    })
  }
  readonly writable = {
    getWriter: () => ({
      // The buffer is released as soon as it was read.
      write: async (part: Uint8Array) => void this.parts.push(part.slice()),
      close: async () => world().post(current(), 'compression', 'bytes', () => this.end()),
    }),
  }
  readonly readable = {
    getReader: () => ({
      read: async () => {
        await this.over
        const value = this.parts.shift()
        return { done: !value, value }
      },
      cancel: async () => {},
    }),
  }
}

const isOpen = ({ peer }: Port): boolean => peer?.actor.alive === true && !peer.closed

export function installBrowser(
  w: World,
  storage: Storage,
  files: Files | undefined,
  scripts: ReadonlyMap<string, () => void>,
): Browser {
  channels = new Set()
  locks = new Map()
  now.clear()
  timers = numbers = 0
  const workers = new Map<string, Worker>()

  w.sources.push((add) => {
    for (const queue of locks.values()) {
      const next = nextOf(queue)
      if (next) add(next.move)
    }
  })

  class SharedWorker {
    readonly port: Port
    onerror: ((event: unknown) => void) | null = null
    constructor(url: string) {
      const key = String(url)
      const tab = current()
      this.port = new Port()
      const script = scripts.get(key)
      if (!script) {
        w.post(tab, 'worker', 'the worker script failed', () => this.onerror?.({ type: 'error' }))
        return
      }
      let worker = workers.get(key)
      if (!worker?.actor.alive) {
        worker = { url: key, actor: w.actor(`W${++numbers}`, 'worker'), ports: [] }
        workers.set(key, worker)
        const { actor } = worker
        w.post(actor, 'script', 'script runs', script)
      }
      connect(worker, this.port)
    }
  }

  function connect(worker: Worker, port: Port): void {
    const there = new Port(worker.actor)
    there.peer = port
    port.peer = there
    worker.ports.push(there)
    w.post(worker.actor, 'script', 'connect', () => own().onconnect?.({ ports: [there] }))
  }

  w.after.push(() => {
    for (const [key, worker] of workers) {
      if (worker.ports.some(isOpen)) continue
      workers.delete(key)
      w.say('ends: no tab is left', worker.actor)
      w.kill(worker.actor)
    }
  })

  const define = (name: string, descriptor: PropertyDescriptor) =>
    Object.defineProperty(globalThis, name, { configurable: true, ...descriptor })
  let drawn = false
  const values: Record<string, unknown> = {
    fetchSimulatedCode: fetchCode,
    indexedDB: storage.factory,
    IDBKeyRange: FDBKeyRange,
    BroadcastChannel: Channel,
    MessageChannel: Channels,
    SharedWorker,
    Blob: Bytes,
    File: Bytes,
    CompressionStream: Compression,
    DecompressionStream: Compression,
    navigator: {
      userAgent: 'simulation',
      locks: { request },
      storage: files?.storage ?? { persisted: async () => false },
    },
    performance: {
      now: () => (inWorld() ? (w.now += w.random.below(4)) : real.performance.now()),
    },
    crypto: {
      getRandomValues(bytes: Uint8Array) {
        drawn = true
        for (let i = 0; i < bytes.length; i++) bytes[i] = w.random.below(2 ** 30)
        return bytes
      },
    },
    setTimeout(run: (...args: unknown[]) => void, delay = 0, ...args: unknown[]) {
      const actor = current()
      const id = ++timers
      const due = w.now + Math.max(0, delay)
      actor.timers.set(id, { id, due: actor.hidden ? Math.ceil(due / MINUTE) * MINUTE : due, run: () => run(...args) })
      return id
    },
    clearTimeout(id: number | undefined) {
      if (id !== undefined) current().timers.delete(id)
    },
    reportError(error: Error) {
      w.violation ??= error
    },
  }
  for (const [name, value] of Object.entries(values)) define(name, { value, writable: true })
  // Ids use blocks of random words. A rest of the former run would make this run differ from its seed.
  while (!drawn) randomId()
  define('onconnect', {
    get: () => (inWorld() && w.current ? own().onconnect : undefined),
    set: (listener) => {
      own().onconnect = listener
    },
  })
  Date.now = () => Math.floor(w.now)
  Math.random = () => w.random.below(2 ** 30) / 2 ** 30

  browser = {
    workers,
    said() {},
    heard() {},
    holds(actor, lock) {
      const states = locks.get(lock)?.flatMap((one) => (one.actor === actor ? one.state : []))
      return states?.includes('held') ? 'held' : states?.includes('stolen') ? 'stolen' : undefined
    },
    holder: (lock) => locks.get(lock)?.find(({ state }) => state === 'held')?.actor,
    restart(worker) {
      const { ports, url } = worker
      w.kill(worker.actor)
      worker.actor = w.actor(`W${++numbers}`, 'worker')
      w.post(worker.actor, 'script', 'script runs again', scripts.get(url)!)
      for (const port of ports) {
        port.actor = worker.actor
        port.forget()
        w.post(worker.actor, 'script', 'connect', () => own().onconnect?.({ ports: [port] }))
      }
    },
  }
  return browser
}
