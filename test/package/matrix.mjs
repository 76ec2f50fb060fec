// `npm run matrix`: the first example of the README, built as written by each bundler and version. The ones that read TypeScript by themselves get
// no settings, the others what they need for it. It asks the registry. After each build it
// checks that the worker's script is a file of its own. What has `opens` is opened: its row has to be shown, and its SharedWorker has to be alive.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { dirname, extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium as playwright } from 'playwright-core'
import { findBrowsers } from '../browser/harness/find.mjs'

/** Milliseconds in which a built page has to show its rows and have its worker. */
const OPEN_MS = 30_000
const root = fileURLToPath(new URL('../..', import.meta.url))
const typescript = "{ test: /\\.ts$/, loader: LOADER, options: { jsc: { parser: { syntax: 'typescript' } } } }"
const configured = (/** @type {string} */ loader) =>
  `export default { mode: 'production', entry: './main.ts', resolve: { extensionAlias: { '.js': ['.ts', '.js'] } },
    module: { rules: [${typescript.replace('LOADER', `'${loader}'`)}] } }`
const next = {
  'app/layout.tsx':
    'export default function Layout({ children }: { children: React.ReactNode }) { return <html lang="en"><body>{children}</body></html> }',
  'app/page.tsx': `'use client'
import { useEffect } from 'react'
export default function Page() { useEffect(() => void import('../main.ts'), []); return <p>app</p> }`,
  'tsconfig.json': JSON.stringify({
    compilerOptions: {
      jsx: 'preserve',
      strict: true,
      skipLibCheck: true,
      noEmit: true,
      allowImportingTsExtensions: true,
      module: 'esnext',
      moduleResolution: 'bundler',
      lib: ['dom', 'dom.iterable', 'esnext'],
      plugins: [{ name: 'next' }],
    },
    include: ['next-env.d.ts', '**/*.ts', '**/*.tsx'],
    exclude: ['node_modules'],
  }),
}
/** @type {{ name: string, version: string, build: string[], also?: Record<string, string>, files?: Record<string, string>, output?: string, opens?: boolean }[]} */
const bundlers = [
  { name: 'vite', version: '^5', build: ['vite', 'build'] },
  { name: 'vite', version: '^6', build: ['vite', 'build'] },
  { name: 'vite', version: '^7', build: ['vite', 'build'] },
  { name: 'vite', version: '^8', build: ['vite', 'build'] },
  { name: 'parcel', version: '^2', build: ['parcel', 'build', '--no-cache', 'index.html'] },
  {
    name: 'webpack',
    version: '^5',
    build: ['webpack'],
    also: { 'webpack-cli': '*', 'swc-loader': '*', '@swc/core': '*' },
    files: { 'webpack.config.js': configured('swc-loader') },
  },
  {
    name: '@rspack/core',
    version: '^2',
    build: ['rspack', 'build'],
    also: { '@rspack/cli': '^2' },
    files: { 'rspack.config.js': configured('builtin:swc-loader') },
  },
  {
    name: 'next',
    version: '^16',
    build: ['next', 'build', '--webpack'],
    also: { react: '^19', 'react-dom': '^19', typescript: '~5.9', '@types/react': '^19', '@types/node': '^20' },
    files: next,
    output: '.next/static',
  },
  {
    name: '@sveltejs/kit',
    version: '^2',
    build: ['vite', 'build'],
    also: { '@sveltejs/adapter-static': '^3', '@sveltejs/vite-plugin-svelte': '^6', svelte: '^5', vite: '^7' },
    files: {
      'svelte.config.js':
        "import adapter from '@sveltejs/adapter-static'\nexport default { kit: { adapter: adapter() } }",
      'vite.config.js': "import { sveltekit } from '@sveltejs/kit/vite'\nexport default { plugins: [sveltekit()] }",
      'src/app.html':
        '<!doctype html><html lang="en"><head>%sveltekit.head%</head><body><div>%sveltekit.body%</div></body></html>',
      'src/routes/+layout.ts': 'export const prerender = true',
      'src/routes/+page.svelte': `<script>
  import { onMount } from 'svelte'
  onMount(() => void import('../../main.ts'))
</script>
<p>app</p>`,
    },
    output: 'build',
    opens: true,
  },
]
const scripts = (/** @type {string} */ folder) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.js'))
    .map((file) => readFileSync(join(folder, file), 'utf8'))
/** A worker that was left as TypeScript, or in which the library is missing, would run in the page in silence. */
const missesWorker = (/** @type {string} */ folder) => {
  const all = scripts(folder)
  return !all.some((text) => /new SharedWorker\(/.test(text)) || !all.some((text) => text.includes('onconnect'))
}

const types = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.css': 'text/css',
  '.json': 'application/json',
}

/**
 * Opens what was built: the page shows its row, and the browser has a shared worker.
 * @type {(site: string) => Promise<void>}
 */
const openBuilt = async (site) => {
  const { chromium } = findBrowsers()
  if (!chromium) return console.log('  not opened: there is no Chromium')
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://loopback').pathname
    const file = join(site, path.endsWith('/') ? `${path}index.html` : path)
    if (!existsSync(file)) return response.writeHead(404).end()
    const type = types[/** @type {keyof typeof types} */ (extname(file))] ?? 'application/octet-stream'
    response.writeHead(200, { 'content-type': type }).end(readFileSync(file))
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)))
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  const browser = await playwright.launch({ executablePath: chromium.path, args: ['--no-sandbox'] })
  try {
    const page = await browser.newPage()
    await page.goto(`http://127.0.0.1:${port}/`)
    await page.waitForFunction(() => document.body.textContent?.includes('Buy milk'), undefined, { timeout: OPEN_MS })
    const session = await browser.newBrowserCDPSession()
    for (const until = Date.now() + OPEN_MS; ; ) {
      const { targetInfos } = await session.send('Target.getTargets')
      if (targetInfos.some(({ type }) => type === 'shared_worker')) return
      if (Date.now() > until) throw new Error('the page works, but there is no SharedWorker')
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  } finally {
    await browser.close()
    server.close()
  }
}

const wanted = process.argv.slice(2)

/** @type {(command: string, args: readonly string[], cwd: string) => string} */
const run = (command, args, cwd) =>
  execFileSync(command, args, { cwd, encoding: 'utf8', stdio: 'pipe', shell: process.platform === 'win32' })

const folder = mkdtempSync(join(tmpdir(), 'tidemark-matrix-'))
let failed = 0
try {
  const packed = run('npm', ['pack', '--silent', '--pack-destination', folder], root).trim().split('\n').pop()
  const [, example = ''] = /^```ts\n([\s\S]*?)^```/m.exec(readFileSync(join(root, 'README.md'), 'utf8')) ?? []
  const files = example.split(/^\/\/ ([\w.]+\.ts)\b.*$/m)
  for (const { name, version, build, also, files: own = {}, output = 'dist', opens } of bundlers) {
    if (wanted.length > 0 && !wanted.includes(`${name}@${version.slice(1)}`)) continue
    const app = join(folder, `${name.replace(/\W/g, '')}${version.slice(1)}`)
    mkdirSync(app)
    const manifest = {
      private: true,
      type: 'module',
      dependencies: { tidemark: `file:${join(folder, packed ?? '')}` },
      devDependencies: { [name]: version, ...also },
    }
    writeFileSync(join(app, 'package.json'), JSON.stringify(manifest))
    writeFileSync(
      join(app, 'index.html'),
      '<!doctype html><title>app</title><script type="module" src="./main.ts"></script>',
    )
    for (let at = 1; at < files.length; at += 2) writeFileSync(join(app, files[at] ?? ''), files[at + 1] ?? '')
    for (const [file, text] of Object.entries(own)) {
      mkdirSync(dirname(join(app, file)), { recursive: true })
      writeFileSync(join(app, file), text)
    }
    try {
      run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', '--silent'], app)
      run('npx', build, app)
      const built = join(app, output)
      if (!existsSync(built) || missesWorker(built)) throw new Error('the script of the worker is missing')
      if (opens) await openBuilt(built)
      console.log(`ok: ${name} ${version}`)
    } catch (error) {
      failed++
      const { stdout = '', stderr = '' } = /** @type {{ stdout?: string, stderr?: string }} */ (error)
      console.log(`FAILED: ${name} ${version}\n${stdout}\n${stderr}\n${error}`)
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
process.exitCode = failed > 0 ? 1 : 0
