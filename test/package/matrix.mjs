// `npm run matrix`: builds the first example of the README, as written, with each bundler and version. Bundlers that read TypeScript get no
// settings; the others get the settings to read it. The bundlers are installed from the registry. Each build is opened: the page must show its
// row and the SharedWorker must be alive, also after a reload without a server. A build for production must have no code for development. A
// bundler with `develops` also builds for development. Next builds the files of its page of the guide. At the end, a component of each framework
// is edited while Vite's development server shows it.
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { editHot, hotApps } from './matrixHot.mjs'
import { openBuilt } from './matrixOpen.mjs'

/** A text that only a build for development contains. */
const FOR_DEVELOPMENT = 'its version ('
const root = fileURLToPath(new URL('../..', import.meta.url))
const typescript = "{ test: /\\.ts$/, loader: LOADER, options: { jsc: { parser: { syntax: 'typescript' } } } }"
const configured = (/** @type {string} */ loader) =>
  `import { mkdirSync, writeFileSync } from 'node:fs'
mkdirSync('dist', { recursive: true })
writeFileSync('dist/index.html', '<!doctype html><title>app</title><script defer src="./main.js"></script>')
export default { mode: 'production', entry: './main.ts', resolve: { extensionAlias: { '.js': ['.ts', '.js'] } },
    module: { rules: [${typescript.replace('LOADER', `'${loader}'`)}] } }`
const viteForDevelopment = ['vite', 'build', '--mode', 'development']
/** @type {(file: string) => string} */
const readText = (file) => readFileSync(join(root, file), 'utf8')
/** The files that the guide's page on Next shows. */
const ofGuide = Object.fromEntries(
  [
    ...readText('demo/guide/server-rendering.md').matchAll(/^```(?:tsx?|text)\n\/\/ (app\/[\w.]+)\n([\s\S]*?)^```/gm),
  ].map(([, file, text]) => [file, text ?? '']),
)
const next = {
  ...ofGuide,
  'next.config.mjs': "export default { output: 'export' }",
  'app/layout.tsx':
    'export default function Layout({ children }: { children: React.ReactNode }) { return <html lang="en"><body>{children}</body></html> }',
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
const nextAlso = {
  react: '^19',
  'react-dom': '^19',
  typescript: '~5.9',
  '@types/react': '^19',
  '@types/node': '^20',
}
/** @type {(page: import('playwright-core').Page) => Promise<unknown>} */
const addsMilk = async (page) => {
  await page.getByLabel('Todo').fill('Buy milk')
  await page.getByRole('button', { name: 'Add' }).click()
}
/** For bundlers that do not support workers: the worker's script is a separate entry with a fixed address. */
const ownEntry = (/** @type {string} */ text) =>
  text.replace("new URL('./todos.worker.ts', import.meta.url)", "new URL('./todos.worker.js', import.meta.url)")
const page = '<!doctype html><title>app</title><script type="module" src="./main.js"></script>'
/** @type {{ name: string, version: string, build: string[], develops?: string[], also?: Record<string, string>, overrides?: Record<string, string>, files?: Record<string, string>, output?: string, source?: (text: string) => string, act?: (page: import('playwright-core').Page) => Promise<unknown>, component?: import('./matrixHot.mjs').Component }[]} */
const bundlers = [
  { name: 'vite', version: '^5', build: ['vite', 'build'], develops: viteForDevelopment },
  { name: 'vite', version: '^6', build: ['vite', 'build'], develops: viteForDevelopment },
  { name: 'vite', version: '^7', build: ['vite', 'build'], develops: viteForDevelopment },
  { name: 'vite', version: '^8', build: ['vite', 'build'], develops: viteForDevelopment },
  { name: 'parcel', version: '^2', build: ['parcel', 'build', '--no-cache', 'index.html'] },
  {
    name: 'webpack',
    version: '^5',
    build: ['webpack'],
    develops: ['webpack', '--mode', 'development'],
    also: { 'webpack-cli': '*', 'swc-loader': '*', '@swc/core': '*' },
    files: { 'webpack.config.js': configured('swc-loader') },
  },
  {
    name: '@rspack/core',
    version: '^2',
    build: ['rspack', 'build'],
    develops: ['rspack', 'build', '--mode', 'development'],
    also: { '@rspack/cli': '^2' },
    files: { 'rspack.config.js': configured('builtin:swc-loader') },
  },
  {
    name: 'next',
    version: '^16',
    build: ['next', 'build', '--webpack'],
    also: nextAlso,
    files: next,
    output: 'out',
    act: addsMilk,
  },
  {
    name: 'next',
    version: '^16',
    build: ['next', 'build', '--turbopack'],
    also: nextAlso,
    files: next,
    output: 'out',
    act: addsMilk,
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
  },
  {
    name: 'nuxt',
    version: '^4',
    build: ['nuxt', 'generate'],
    overrides: { unstorage: '1.17.5' },
    files: {
      'nuxt.config.ts': "export default defineNuxtConfig({ telemetry: false, compatibilityDate: '2026-01-01' })",
      'app/app.vue': '<template><p>app</p></template>',
      'app/plugins/tidemark.client.ts': "export default defineNuxtPlugin(() => void import('../../main.ts'))",
    },
    output: '.output/public',
  },
  {
    name: 'astro',
    version: '^5',
    build: ['astro', 'build'],
    files: {
      'src/pages/index.astro': "<html><body><p>app</p><script>import '../../main.ts'</script></body></html>",
    },
  },
  {
    name: 'esbuild',
    version: '*',
    build: ['node', 'build.mjs'],
    develops: ['node', 'build.mjs'],
    source: ownEntry,
    files: {
      'build.mjs': `import { build } from 'esbuild'
import { writeFileSync } from 'node:fs'
await build({
  entryPoints: ['main.ts', 'todos.worker.ts'], outdir: 'dist', bundle: true, splitting: true, format: 'esm', minify: true,
  conditions: [process.env.NODE_ENV ?? 'production'],
})
writeFileSync('dist/index.html', ${JSON.stringify(page)})`,
    },
  },
  {
    name: 'rollup',
    version: '^4',
    build: ['rollup', '-c'],
    develops: ['rollup', '-c'],
    also: {
      '@rollup/plugin-node-resolve': '^16',
      '@rollup/plugin-commonjs': '^29',
      'rollup-plugin-esbuild': '^6',
      esbuild: '*',
    },
    source: ownEntry,
    files: {
      'rollup.config.js': `import resolve from '@rollup/plugin-node-resolve'
import commonjs from '@rollup/plugin-commonjs'
import esbuild from 'rollup-plugin-esbuild'
import { mkdirSync, writeFileSync } from 'node:fs'
mkdirSync('dist', { recursive: true })
writeFileSync('dist/index.html', ${JSON.stringify(page)})
export default {
  input: ['main.ts', 'todos.worker.ts'], output: { dir: 'dist', format: 'es' },
  plugins: [resolve({ browser: true, exportConditions: [process.env.NODE_ENV ?? 'production'] }), commonjs(), esbuild()],
}`,
    },
  },
  ...hotApps.map(({ name, ...app }) => ({ name: 'vite', version: '^8', build: ['edits', name], ...app })),
]
const scripts = (/** @type {string} */ folder) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.m?js$/.test(file))
    .map((file) => readFileSync(join(folder, file), 'utf8'))
/** Whether a build is for development. Throws if the library is not in the build: then there is nothing to check. */
const isForDevelopment = (/** @type {string} */ folder) => {
  const all = scripts(folder)
  if (!all.some((text) => text.includes('onconnect'))) throw new Error('the script of the worker is missing')
  return all.some((text) => text.includes(FOR_DEVELOPMENT))
}

const isTarball = (/** @type {string} */ text) => text.endsWith('.tgz')
/** The bundlers to build with, each like `vite@8` or a word of the build command. All if the list is empty. */
const wanted = process.argv.slice(2).filter((text) => !isTarball(text))
/** A tarball of `npm pack` from the arguments. Without one, the package is packed. */
const given = process.argv.slice(2).find(isTarball)

// Vite's development server sets `NODE_ENV` for the whole process.
const { NODE_ENV: _, ...env } = process.env
/** @type {(command: string, args: readonly string[], cwd: string, mode?: string) => string} */
const run = (command, args, cwd, mode) =>
  execFileSync(command, args, {
    cwd,
    encoding: 'utf8',
    stdio: 'pipe',
    shell: process.platform === 'win32',
    env: mode ? { ...env, NODE_ENV: mode } : env,
  })
/** @type {(command: readonly string[], cwd: string, mode?: string) => string} */
const runBuild = ([first = '', ...rest], cwd, mode) =>
  first === 'node' ? run(first, rest, cwd, mode) : run('npx', [first, ...rest], cwd, mode)

/** @type {(app: string, built: string, options: { build: string[], develops: string[] | undefined, act: Parameters<typeof openBuilt>[1] }) => Promise<string | undefined>} */
const tryBuild = async (app, built, { build, develops, act }) => {
  runBuild(build, app)
  if (isForDevelopment(built)) throw new Error('the build for production has code for development')
  const remark = await openBuilt(built, act)
  if (develops) {
    runBuild(develops, app, 'development')
    if (!isForDevelopment(built)) throw new Error('the build for development lacks the code for development')
  }
  return remark
}

const folder = mkdtempSync(join(tmpdir(), 'tidemark-matrix-'))
let failed = 0
try {
  const pack = () => run('npm', ['pack', '--silent', '--pack-destination', folder], root).trim().split('\n').pop() ?? ''
  const tarball = given ? resolve(given) : join(folder, pack())
  const [, example = ''] = /^```ts\n([\s\S]*?)^```/m.exec(readText('README.md')) ?? []
  const files = example.split(/^\/\/ ([\w.]+\.ts)\b.*$/m)
  for (const {
    name,
    version,
    build,
    develops,
    also,
    overrides,
    files: own = {},
    output = 'dist',
    source = (/** @type {string} */ text) => text,
    act,
    component,
  } of bundlers) {
    const names = [`${name}@${version.slice(1)}`, ...build]
    if (wanted.length > 0 && !names.some((one) => wanted.includes(one))) continue
    const app = mkdtempSync(join(folder, `${name.replace(/\W/g, '')}${version.slice(1)}-`))
    const manifest = {
      private: true,
      type: 'module',
      dependencies: { tidemark: `file:${tarball}` },
      devDependencies: { [name]: version, ...also },
      overrides,
    }
    writeFileSync(join(app, 'package.json'), JSON.stringify(manifest))
    writeFileSync(
      join(app, 'index.html'),
      '<!doctype html><title>app</title><script type="module" src="./main.ts"></script>',
    )
    for (let at = 1; at < files.length; at += 2) writeFileSync(join(app, files[at] ?? ''), source(files[at + 1] ?? ''))
    for (const [file, text] of Object.entries(own)) {
      mkdirSync(dirname(join(app, file)), { recursive: true })
      writeFileSync(join(app, file), text)
    }
    try {
      run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', '--silent'], app)
      const remark = component
        ? await editHot(app, component)
        : await tryBuild(app, join(app, output), { build, develops, act })
      const installed = JSON.parse(readFileSync(join(app, 'node_modules', name, 'package.json'), 'utf8')).version
      console.log(`ok: ${name} ${installed} ${build.join(' ')}${remark ? ` (${remark})` : ''}`)
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
