import { createReadStream, readFileSync, statSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { extname, join, normalize } from 'node:path'
import { gzipSync } from 'node:zlib'

export type Answer =
  | 'never'
  | { readonly status?: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string }
  | ((request: IncomingMessage, response: ServerResponse) => void)

export interface Server {
  /** The address, with a slash at its end. Loopback is a secure context. */
  readonly url: string
  readonly port: number
  /** The requested paths, in order, without their query. */
  readonly requests: readonly string[]
  /** The files that were sent to the end, in order, with the bytes of each body. */
  readonly sent: readonly { readonly path: string; readonly bytes: number }[]
  /** Answers each path that equals or matches with something else, such as HTML for a worker. undefined: answers with the file again. */
  override(path: string | RegExp, answer: Answer | undefined): void
  close(): Promise<void>
}

const types: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.csv': 'text/csv; charset=utf-8',
  '.wasm': 'application/wasm',
  '.parquet': 'application/vnd.apache.parquet',
}

export interface ServeOptions {
  /** The headers of every file. */
  readonly headers?: Readonly<Record<string, string>>
  /** With a fixed port, a second server can have the same origin. */
  readonly port?: number
  /** Sends files compressed, as a site's server does. */
  readonly gzip?: boolean
}

/** Serves a folder on loopback without caching. */
export const serve = async (folder: string, options: ServeOptions = {}): Promise<Server> => {
  const overrides = new Map<string, { path: string | RegExp; answer: Answer }>()
  const requests: string[] = []
  const sent: { path: string; bytes: number }[] = []

  const sendFile = (path: string, range: string | undefined, response: ServerResponse) => {
    let file = join(folder, normalize(`/${path}`))
    let size: number
    try {
      if (statSync(file).isDirectory()) file = join(file, 'index.html')
      size = statSync(file).size
    } catch {
      response.writeHead(404, { 'content-type': 'text/plain' }).end(`no ${path}`)
      return
    }
    const headers = {
      'content-type': types[extname(file)] ?? 'application/octet-stream',
      'cache-control': 'no-store',
      'accept-ranges': 'bytes',
      ...options.headers,
    }
    const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(range ?? '') ?? []
    if (from === undefined && options.gzip) {
      const body = gzipSync(readFileSync(file), { level: 9 })
      sent.push({ path, bytes: body.length })
      response.writeHead(200, { ...headers, 'content-encoding': 'gzip', 'content-length': body.length }).end(body)
      return
    }
    if (from === undefined) {
      sent.push({ path, bytes: size })
      response.writeHead(200, { ...headers, 'content-length': size })
      createReadStream(file).pipe(response)
      return
    }
    const start = Number(from)
    const end = Math.min(to ? Number(to) : size - 1, size - 1)
    response.writeHead(206, {
      ...headers,
      'content-length': end - start + 1,
      'content-range': `bytes ${start}-${end}/${size}`,
    })
    createReadStream(file, { start, end }).pipe(response)
  }

  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://loopback').pathname)
    requests.push(path)
    const answer = [...overrides.values()].find((one) =>
      typeof one.path === 'string' ? one.path === path : one.path.test(path),
    )?.answer
    if (answer === 'never') return
    if (typeof answer === 'function') answer(request, response)
    else if (answer)
      response
        .writeHead(answer.status ?? 200, {
          'content-type': 'text/html',
          'cache-control': 'no-store',
          ...answer.headers,
        })
        .end(answer.body ?? '')
    else sendFile(path, request.headers.range, response)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, '127.0.0.1', resolve)
  })
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  return {
    url: `http://127.0.0.1:${port}/`,
    port,
    requests,
    sent,
    override(path, answer) {
      if (answer === undefined) overrides.delete(String(path))
      else overrides.set(String(path), { path, answer })
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
