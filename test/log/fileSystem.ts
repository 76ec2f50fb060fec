/** A private file system and Web Locks in memory, as browsers have them: Node has neither. */

export type Folder = FileSystemDirectoryHandle & {
  /** Every file below, by its path. */
  readonly files: Map<string, Uint8Array<ArrayBuffer>>
}

export interface Disk {
  readonly root: Folder
  /** Every file that was written whole, in order. */
  readonly written: string[]
  /** Bytes that all files together may have. */
  room: number
  /** Told before a file is replaced; what it throws, the write throws. */
  closing: (path: string) => unknown
  permission: PermissionState
}

/** How one thing happens to the files: here at once, in a simulation when its turn has come. */
export type Turn = <T>(what: string, path: string, effect: () => T) => Promise<T>

/** `writing` is told what begins to be written and how to end that; what it gives is told that it is over. */
export function createDisk(
  turn: Turn = async (_what, _path, effect) => effect(),
  writing: (path: string, end: () => void) => () => void = () => () => {},
): Disk {
  const files = new Map<string, Uint8Array<ArrayBuffer>>()
  const folders = new Set<string>([''])
  /** What is being written. */
  const writers = new Map<object, string>()
  const fail = (name: string, message: string = name): never => {
    throw new DOMException(message, name)
  }

  const file = (path: string): FileSystemFileHandle =>
    ({
      kind: 'file',
      name: path.split('/').pop(),
      getFile: () => turn('read', path, () => new File([files.get(path) ?? fail('NotFoundError')], path)),
      createWritable: () =>
        turn('write', path, () => {
          if (!files.has(path)) fail('NotFoundError')
          let bytes = new Uint8Array()
          const writer = {
            async write(data: Blob) {
              bytes = new Uint8Array(await data.arrayBuffer())
            },
            async close() {
              await disk.closing(path)
              await turn('close', path, () => {
                end()
                let used = bytes.length
                for (const [other, { length }] of files) if (other !== path) used += length
                if (used > disk.room) fail('QuotaExceededError')
                if (!files.has(path)) fail('NotFoundError')
                files.set(path, bytes)
                disk.written.push(path)
              })
            },
            abort: async () => end(),
          }
          writers.set(writer, path)
          const over = writing(path, () => writers.delete(writer))
          const end = (): void => {
            writers.delete(writer)
            over()
          }
          return writer
        }),
    }) as unknown as FileSystemFileHandle

  const folder = (path: string): Folder => {
    const within = (name: string): string => (path ? `${path}/${name}` : name)
    const children = (): string[] => [
      ...new Set(
        [...files.keys(), ...folders]
          .filter((one) => one !== path && one.startsWith(path && `${path}/`))
          .map((one) => one.slice(path ? path.length + 1 : 0).split('/')[0] as string),
      ),
    ]
    async function* values() {
      for (const name of await turn('list', path, children))
        yield folders.has(within(name)) ? folder(within(name)) : file(within(name))
    }
    return {
      kind: 'directory',
      name: path,
      files,
      values,
      async *keys() {
        for await (const { name } of values()) yield name
      },
      isSameEntry: async (other: unknown) => (other as Folder).files === files && (other as Folder).name === path,
      queryPermission: async () => disk.permission,
      requestPermission: async () => (disk.permission = 'granted'),
      getDirectoryHandle: (name: string, { create = false } = {}) =>
        turn('open', within(name), () => {
          if (!folders.has(path)) fail('NotFoundError')
          if (!folders.has(within(name)) && !create) fail('NotFoundError')
          folders.add(within(name))
          return folder(within(name))
        }),
      getFileHandle: (name: string, { create = false } = {}) =>
        turn('open', within(name), () => {
          if (!folders.has(path)) fail('NotFoundError')
          if (!files.has(within(name))) {
            if (!create) fail('NotFoundError')
            files.set(within(name), new Uint8Array())
          }
          return file(within(name))
        }),
      removeEntry: (name: string) =>
        turn('remove', within(name), () => {
          const found = [...files.keys(), ...folders].filter(
            (one) => one === within(name) || one.startsWith(`${within(name)}/`),
          )
          if (!found.length) fail('NotFoundError')
          if ([...writers.values()].some((one) => found.includes(one))) fail('NoModificationAllowedError')
          for (const one of found) {
            files.delete(one)
            folders.delete(one)
          }
        }),
    } as unknown as Folder
  }

  const disk: Disk = { root: folder(''), written: [], room: Infinity, closing: () => {}, permission: 'granted' }
  return disk
}

/** `navigator.locks`, exclusive or shared, with `ifAvailable`, `steal` and `signal`. */
export function createLocks() {
  interface Request {
    readonly mode: string
    held: boolean
    readonly start: () => void
    readonly lose: (reason: unknown) => void
  }
  const queues = new Map<string, Request[]>()
  const next = (name: string): void => {
    const queue = queues.get(name) ?? []
    for (const one of queue) {
      const held = queue.filter((other) => other.held)
      if (one.held) continue
      if (held.length && !(one.mode === 'shared' && held.every(({ mode }) => mode === 'shared'))) return
      one.held = true
      one.start()
    }
  }
  return {
    async query() {
      const of = (wanted: boolean) =>
        [...queues].flatMap(([name, queue]) =>
          queue.filter(({ held }) => held === wanted).map(({ mode }) => ({ name, mode })),
        )
      return { held: of(true), pending: of(false) }
    },
    held: (name: string): boolean => (queues.get(name) ?? []).some(({ held }) => held),
    request<T>(name: string, ...rest: [LockOptions, LockGrantedCallback<T>] | [LockGrantedCallback<T>]): Promise<T> {
      const callback = rest.at(-1) as LockGrantedCallback<T>
      const { mode = 'exclusive', ifAvailable, steal, signal } = rest.length > 1 ? (rest[0] as LockOptions) : {}
      const queue = queues.get(name) ?? []
      queues.set(name, queue)
      return new Promise<T>((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason)
        const leave = (): void => {
          if (queue.includes(request)) queue.splice(queue.indexOf(request), 1)
          next(name)
        }
        const request: Request = {
          mode,
          held: false,
          start: () =>
            queueMicrotask(() =>
              Promise.resolve(callback({ name, mode } as Lock) as T)
                .then(resolve, reject)
                .finally(leave),
            ),
          lose(reason) {
            reject(reason)
            leave()
          },
        }
        const free = !queue.some(({ held }) => held)
        if (ifAvailable && !free) return resolve(callback(null) as T)
        signal?.addEventListener('abort', () => !request.held && request.lose(signal.reason))
        if (steal) {
          for (const other of queue.filter(({ held }) => held)) {
            queue.splice(queue.indexOf(other), 1)
            other.lose(new DOMException('stolen', 'AbortError'))
          }
          queue.unshift(request)
        } else queue.push(request)
        next(name)
      })
    },
  }
}
