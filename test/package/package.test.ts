import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { fileBlocks } from './readme.ts'
import { root, run } from './run.ts'

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const entries = Object.keys(manifest.exports).filter((entry) => entry !== './package.json')
const angular = JSON.parse(readFileSync(join(root, 'test/frameworks/angular/package.json'), 'utf8')).devDependencies
const specifiers = entries.map((entry) => entry.replace('.', 'tidemark'))

describe('the published package', () => {
  const tarball = inject('tarball')
  let app: string
  const write = (file: string, text: string) => {
    mkdirSync(dirname(join(app, file)), { recursive: true })
    writeFileSync(join(app, file), text)
  }

  beforeAll(() => {
    app = mkdtempSync(join(tmpdir(), 'tidemark-app-'))
    const versions = manifest.devDependencies as Record<string, string>
    const peers = Object.fromEntries(
      Object.keys(manifest.peerDependencies).map((name) => [name, versions[name] ?? angular[name]]),
    )
    write(
      'package.json',
      JSON.stringify({
        name: 'app',
        private: true,
        type: 'module',
        dependencies: { tidemark: `file:${tarball}`, ...peers },
        devDependencies: {
          vite: versions.vite,
          typescript: versions.typescript,
          '@types/react': versions['@types/react'],
        },
      }),
    )
    run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', '--silent'], app)
  })
  afterAll(() => app && rmSync(app, { recursive: true, force: true }))

  it('passes publint', async () => {
    const bytes = readFileSync(tarball)
    const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)
    const { messages, pkg } = await publint({ pack: { tarball: buffer }, strict: true })
    // Parcel reads the field "browser", so the package has it besides "exports".
    const others = messages.filter(({ code }) => code !== 'USE_EXPORTS_OR_IMPORTS_BROWSER')
    expect(others.map((message) => formatMessage(message, pkg))).toEqual([])
  })

  it('has every entry in the field that bundlers without "exports" read, such as Parcel', () => {
    const defaults = Object.fromEntries(entries.map((entry) => [entry, manifest.exports[entry].default]))
    expect({ '.': manifest.main, ...manifest.browser }).toEqual(defaults)
    expect(manifest.module).toBe(manifest.main)
    expect(manifest.types).toBe(manifest.exports['.'].types)
  })

  it('requires no version of Node from an app that only bundles it', () => {
    expect(manifest.engines).toBeUndefined()
  })

  it('has the right types for each way to import it', () => {
    const attw = join(root, 'node_modules/@arethetypeswrong/cli/dist/index.js')
    expect(() => run(process.execPath, [attw, tarball, '--profile', 'esm-only'])).not.toThrow()
  })

  it('contains only the build, the manifest, the licence and the documents for users', () => {
    const files = run('tar', ['-tzf', tarball]).trim().split('\n')
    expect(
      files.filter((file) => !/^package\/(dist\/|package\.json$|README\.md$|CHANGELOG\.md$|LICENSE$)/.test(file)),
    ).toEqual([])
    expect(files).toContain('package/LICENSE')
    expect(files).toContain('package/README.md')
    expect(files).toContain('package/dist/agents/llms.txt')
    expect(files).toContain('package/dist/agents/tidemark/SKILL.md')
  })

  it('names its repository, its author and the place for bug reports', () => {
    expect(manifest.repository.url).toBe('git+https://github.com/tidemark/tidemark.git')
    expect(manifest.homepage && manifest.bugs && manifest.author).toBeTruthy()
  })

  it('depends on dexie and comlink only', () => {
    expect(Object.keys(manifest.dependencies).sort()).toEqual(['comlink', 'dexie'])
  })

  const dist = join(root, 'dist')
  const scriptsOf = (folder: string) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => /(?<!\.d)\.[jt]s$/.test(file))

  it('has no import for side effects only, which "sideEffects": false would let bundlers drop', () => {
    expect(manifest.sideEffects).toBe(false)
    const src = join(root, 'src')
    const bare = scriptsOf(src).filter((file) => /^import\s*['"]/m.test(readFileSync(join(src, file), 'utf8')))
    expect(bare).toEqual([])
  })

  it('has no import() in the code of a worker, which a default build makes a classic script', () => {
    const seen = new Set([join(dist, 'worker.js'), join(dist, 'tables.js')])
    for (const file of seen)
      for (const [, name = ''] of readFileSync(file, 'utf8').matchAll(/^(?:import|export)[^'"]*['"](\.[^'"]+)['"]/gm))
        seen.add(join(dirname(file), name))
    const loading = [...seen].filter((file) =>
      /\bimport\(/.test(readFileSync(file, 'utf8').replace(/\/\*[\s\S]*?\*\//g, '')),
    )
    expect(loading.map((file) => relative(dist, file))).toEqual([])
  })

  it('resolves development checks in both builds', () => {
    const scripts = scriptsOf(dist).filter((file) => file.endsWith('.js'))
    expect(scripts.filter((file) => readFileSync(join(dist, file), 'utf8').includes('__DEV__'))).toEqual([])
  })

  it.each(['default', 'development'])('uses no global when it is imported in Node, %s build', (condition) => {
    write(
      'import.mjs',
      `
const touched = new Set()
const own = () => /tidemark[\\\\/]dist/.test((new Error().stack ?? '').split('\\n').slice(3, 5).join())
for (const name of ['window', 'self', 'document', 'navigator', 'location', 'indexedDB', 'IDBKeyRange', 'SharedWorker', 'Worker',
  'BroadcastChannel', 'MessageChannel', 'localStorage', 'crypto', 'performance', 'setTimeout', 'queueMicrotask', 'addEventListener']) {
  const before = Object.getOwnPropertyDescriptor(globalThis, name)
  let value = before && ('value' in before ? before.value : globalThis[name])
  Object.defineProperty(globalThis, name, {
    configurable: true,
    get() { if (own()) touched.add(name); return value },
    set(next) { if (own()) touched.add(name); value = next },
  })
}
const names = () => Reflect.ownKeys(globalThis).map(String)
const dependencies = ${JSON.stringify([...Object.keys(manifest.dependencies), ...Object.keys(manifest.peerDependencies)])}
for (const name of [...dependencies, 'solid-js/web']) await import(name)
const before = names()
for (const entry of ${JSON.stringify(specifiers)}) await import(entry)
for (const name of names()) if (!before.includes(name)) touched.add(\`a new global: \${name}\`)
console.log(JSON.stringify([...touched]))
`,
    )
    expect(JSON.parse(run(process.execPath, [`--conditions=${condition}`, 'import.mjs'], app))).toEqual([])
  })

  it('type-checks and builds in an empty Vite app with the code of the README', () => {
    const blocks = fileBlocks(readFileSync(join(root, 'README.md'), 'utf8'))
    expect([...blocks.keys()]).toEqual(expect.arrayContaining(['todos.ts', 'todos.worker.ts', 'main.ts']))
    for (const [file, text] of blocks) write(`src/${file}`, text)
    write('index.html', '<!doctype html><title>app</title><script type="module" src="/src/main.ts"></script>')
    write(
      'tsconfig.json',
      JSON.stringify({
        compilerOptions: {
          target: 'ES2022',
          module: 'ESNext',
          moduleResolution: 'Bundler',
          lib: ['ES2022', 'DOM', 'DOM.Iterable'],
          strict: true,
          noEmit: true,
          skipLibCheck: false,
          types: [],
          jsx: 'react-jsx',
          allowImportingTsExtensions: true,
        },
        include: ['src'],
      }),
    )
    run(process.execPath, [join(app, 'node_modules/typescript/bin/tsc'), '-p', app], app)
    // Without any configuration: a default build must include the worker.
    const log = run(process.execPath, [join(app, 'node_modules/vite/bin/vite.js'), 'build'], app)
    expect(log).toContain('built in')
  })
})
