// Builds the apps and scenarios of every framework with the framework's compiler into build/frameworks, and renders the HTML of a server.
// Arguments: the frameworks to build.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import preact from '@preact/preset-vite'
import { svelte } from '@sveltejs/vite-plugin-svelte'
import vue from '@vitejs/plugin-vue'
import { build } from 'vite'
import solid from 'vite-plugin-solid'

const here = fileURLToPath(new URL('.', import.meta.url))
const root = fileURLToPath(new URL('../..', import.meta.url))

/** @typedef {(options: { tsconfig: string, transformFilter: (code: string, id: string) => boolean }) => unknown} AngularPlugin */

/** Angular's compiler needs another version of TypeScript, which is installed in a workspace. */
const angular = async () => {
  const { resolve } = createRequire(join(here, 'angular/package.json'))
  /** @type {{ default: AngularPlugin }} */
  const { default: plugin } = await import(pathToFileURL(resolve('@analogjs/vite-plugin-angular')).href)
  return plugin({
    tsconfig: join(here, 'angular/tsconfig.json'),
    // Only files of this folder go through Angular's compiler. The library does not need it.
    transformFilter: (_code, id) => id.startsWith(here),
  })
}

/** @type {Record<string, () => unknown>} */
const plugins = {
  react: () => [],
  vue,
  svelte: () => svelte({ configFile: false }),
  solid: () => solid({ extensions: ['tsx'], ssr: true }),
  preact: () => preact({ prefreshEnabled: false }),
  lit: () => [],
  angular,
  vanilla: () => [],
}

const wanted = process.argv.slice(2)
const frameworks = Object.keys(plugins).filter((name) => wanted.length === 0 || wanted.includes(name))

for (const framework of frameworks) {
  const folder = join(here, framework)
  const input = ['index.html', 'scenarios.html', 'hydration.html'].map((file) => join(folder, file)).filter(existsSync)
  if (input.length === 0) continue
  const outDir = join(root, 'build/frameworks', framework)
  /** @type {(options: import('vite').BuildOptions) => Promise<unknown>} */
  const buildFor = async (options) =>
    build({
      configFile: false,
      root: folder,
      base: './',
      mode: 'production',
      logLevel: 'warn',
      define: { __DEV__: 'false' },
      resolve: {
        alias: [
          { find: /^tidemark$/, replacement: join(root, 'src/index.ts') },
          { find: /^tidemark\/(.*)$/, replacement: join(root, 'src/$1.ts') },
        ],
      },
      plugins: [/** @type {any} */ (await plugins[framework]?.())],
      worker: { format: 'es' },
      ssr: { noExternal: true },
      build: { target: 'es2022', emptyOutDir: true, ...options },
    })
  await buildFor({ outDir, rolldownOptions: { input } })
  const script = ['hydration.ts', 'hydration.tsx'].map((file) => join(folder, file)).find(existsSync)
  if (!script) continue
  const server = join(outDir, 'server')
  await buildFor({ outDir: server, ssr: script })
  /** @type {{ render(html: string): Promise<string> }} */
  const { render } = await import(pathToFileURL(join(server, 'hydration.js')).href)
  const page = join(outDir, 'hydration.html')
  writeFileSync(page, await render(readFileSync(page, 'utf8')))
}
