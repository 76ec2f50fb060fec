import { readdir, readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import sirv from 'sirv'
import { build, type InlineConfig } from 'vite'

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))
export const repository = path('../..')
const output = path('node_modules/.bench')

const config = (root: string, outDir: string, subject: string): InlineConfig => ({
  configFile: false,
  logLevel: 'error',
  root,
  base: './',
  define: { __DEV__: 'false' },
  resolve: {
    alias: [
      { find: '#subject', replacement: path(`subjects/${subject}.ts`) },
      { find: /^tidemark$/, replacement: join(repository, 'src/index.ts') },
      { find: /^tidemark\/(.*)$/, replacement: join(repository, 'src/$1.ts') },
    ],
  },
  worker: { format: 'es' },
  build: {
    outDir,
    emptyOutDir: true,
    target: ['chrome110', 'firefox115', 'safari16.4'],
    reportCompressedSize: false,
  },
})

/** Builds the subject's page for production. Returns its folder. */
export async function buildPage(subject: string): Promise<string> {
  const folder = join(output, subject)
  await build(config(path('page'), folder, subject))
  return folder
}

/** The gzipped bytes of all files of a folder. */
export async function transfer(folder: string): Promise<number> {
  let bytes = 0
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true }))
    if (entry.isFile() && !entry.name.endsWith('.map'))
      bytes += gzipSync(new Uint8Array(await readFile(join(entry.parentPath, entry.name))), { level: 9 }).length
  return bytes
}

/** Lazy parts that every visit loads in every app: to dispatch, to find the worker, to seal, and to mirror. */
const always = /\/(live|presence|tidy|mirror)\.ts$/

/**
 * The gzipped bytes of the smallest app with Tidemark. `visit` and `once` have page and worker in one file, so that shared code counts once:
 * `visit` with the parts that every visit loads, `once` with every part that it may ever load. `transfer` is the app as Vite builds it.
 */
export async function minimalApp(): Promise<{ visit: number; once: number; transfer: number }> {
  const root = path('minimal')
  const whole = join(output, 'minimal')
  await build(config(root, whole, 'floor'))
  const visit = await oneFile(root, 'minimal-visit', (id) => always.test(id))
  // The app has no table on disk, so it never loads the part for such tables, nor Dexie.
  const once = await oneFile(root, 'minimal-once', (id) => !/\/onDisk\.ts$/.test(id))
  return { visit, once, transfer: await transfer(whole) }
}

async function oneFile(root: string, name: string, kept: (part: string) => boolean): Promise<number> {
  const folder = join(output, name)
  const { build: options, ...rest } = config(root, folder, 'floor')
  await build({
    ...rest,
    plugins: [
      {
        name: 'one-file',
        resolveDynamicImport: (id) => (typeof id === 'string' && !kept(id) ? { id, external: true } : undefined),
        enforce: 'pre',
        resolveId: (id) => (id === 'both' ? '\0both' : undefined),
        load: (id) => (id === '\0both' ? `import '${root}/main.ts'; import '${root}/worker.ts'` : undefined),
        // The URL in the page would make Vite bundle the worker a second time.
        transform: (code, id) =>
          id === `${root}/main.ts` ? code.replace(/new URL\([^)]*\)/, "'worker.js'") : undefined,
      },
    ],
    build: { ...options, modulePreload: false, rolldownOptions: { input: 'both', output: { codeSplitting: false } } },
  })
  return transfer(folder)
}

/** Serves every build on loopback. The files are cached like those of a deployed app. The pages are isolated, so their clocks are finer. */
export async function serve(): Promise<{ url: (subject: string, query?: string) => string; close: () => void }> {
  const files = sirv(output, {
    maxAge: 31_536_000,
    immutable: true,
    setHeaders(response, pathname) {
      if (pathname.endsWith('.html')) response.setHeader('Cache-Control', 'no-cache')
      response.setHeader('Cross-Origin-Opener-Policy', 'same-origin')
      response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp')
    },
  })
  const server = createServer((request, response) => files(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  return {
    url: (subject, query = '') => `http://127.0.0.1:${port}/${subject}/index.html${query}`,
    close: () => server.close(),
  }
}
