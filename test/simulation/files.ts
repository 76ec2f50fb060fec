import { createDisk, type Turn } from '../log/fileSystem.ts'
import { type Actor, current, type World, world } from './world.ts'

/** The private files of the origin. They belong to the browser, so they outlive every tab and worker. */
export interface Files {
  /** The content of each file, by path. */
  readonly files: ReadonlyMap<string, Uint8Array>
  /** The object for `navigator.storage`. */
  readonly storage: object
  /** The bytes that may still be written. `undefined`: no limit. */
  room: number | undefined
  /** Called before each request to the disk, with its actor. */
  asked: (what: string, path: string, actor: Actor) => void
  /** Called before an operation takes effect and after it. Its actor may be gone by then. */
  happens: (what: string, path: string, actor: Actor) => void
  happened: (what: string, path: string) => void
  /** Ends the whole browser. Unfinished writes stay in their files. */
  crash(): void
  /** Cuts one file or changes one of its bytes. Returns false if there is no file. */
  damage(a: number, b: number): boolean
}

/** Bytes that take several steps to read. */
export class Bytes {
  readonly bytes: Uint8Array
  constructor(parts: readonly (Uint8Array | Bytes)[]) {
    this.bytes = Buffer.concat(parts.map((part) => (part instanceof Bytes ? part.bytes : part)))
  }
  get size(): number {
    return this.bytes.length
  }
  slice(from: number, to: number): Bytes {
    return new Bytes([this.bytes.subarray(from, to)])
  }
  arrayBuffer(): Promise<ArrayBuffer> {
    const { buffer } = Uint8Array.from(this.bytes)
    return new Promise((resolve) => world().post(current(), 'files', 'bytes', () => resolve(buffer)))
  }
}

export function createFiles(w: World, forbidden: boolean): Files {
  const waiting: { readonly actor: Actor; readonly what: string; readonly run: () => void }[] = []
  const writing = new Map<() => void, string>()
  /** The current actor. */
  let writer: Actor | undefined

  w.sources.push((add) => {
    const [next] = waiting
    if (next)
      add({
        key: 'files',
        label: () => `${next.actor.name} ${next.what}`,
        run() {
          waiting.shift()
          // A request of a process that has ended may still be carried out.
          if (next.actor.alive || w.random.below(2)) next.run()
        },
      })
  })

  const turn: Turn = (what, path, effect) => {
    const actor = current()
    files.asked(what, path, actor)
    return new Promise((resolve, reject) => {
      const run = (): void => {
        files.happens(what, path, actor)
        let answer: () => void
        writer = actor
        try {
          if (/read|list|open/.test(what) && w.strikes('files', actor))
            throw new DOMException('The file could not be read at this time', 'NotReadableError')
          const value = effect()
          answer = () => resolve(value)
          files.happened(what, path)
        } catch (error) {
          w.hit(`${(error as Error).name} of a file`)
          answer = () => reject(error)
        }
        w.post(actor, 'files', () => `${what} ${path.slice(-20)}`, answer)
      }
      waiting.push({ actor, what: `${what} ${path.slice(-20)}`, run })
    })
  }

  const disk = createDisk(turn, (path, end) => {
    const { ends, alive } = writer!
    const over = (): void => {
      ends.delete(over)
      writing.delete(over)
      end()
    }
    ends.add(over)
    writing.set(over, path)
    if (!alive) over()
    return over
  })
  const { root } = disk

  const files: Files = {
    files: root.files,
    room: undefined,
    asked() {},
    happens() {},
    happened() {},
    storage: {
      persisted: async () => false,
      getDirectory: () =>
        turn('open', '', () => {
          disk.room = files.room ?? Infinity
          if (forbidden) throw new DOMException('not here', 'SecurityError')
          return root
        }),
      estimate: () =>
        turn('estimate', '', () => ({ usage: 9, quota: files.room !== undefined && w.random.below(2) ? 10 : 1000 })),
    },
    crash() {
      waiting.length = 0
      for (const path of writing.values()) {
        w.hit('left over from a write')
        root.files.set(`${path}.crswap`, new Uint8Array([1]))
      }
    },
    damage(a, b) {
      const all = [...root.files].filter(([, { length }]) => length > 0)
      const [path, bytes] = all[a % (all.length || 1)] ?? []
      if (!path || !bytes) return false
      w.say(`${path} is ${b % 2 ? 'cut' : 'damaged'}`)
      const at = b % bytes.length
      const other = b % 2 ? bytes.slice(0, at) : bytes.slice()
      if (!(b % 2)) other[at]! ^= 1 << (a % 8)
      root.files.set(path, other)
      return true
    },
  }
  return files
}
