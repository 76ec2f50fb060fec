import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { chromium, has, type PlaywrightBrowser, serve } from '../browser/harness/index.ts'
import { pack, root, run } from './run.ts'

const templates = ['react', 'vue', 'svelte', 'solid', 'vanilla']
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

/** Links the packages of the repository and unpacks `tidemark` into `node_modules`, so that no request goes to the registry. */
function shareModules(folder: string, tarball: string): void {
  const link = (name: string) => {
    const to = join(folder, 'node_modules', name)
    mkdirSync(dirname(to), { recursive: true })
    symlinkSync(join(root, 'node_modules', name), to, 'junction')
  }
  for (const name of readdirSync(join(root, 'node_modules'))) {
    if (name.startsWith('.') || name === 'tidemark') continue
    if (!name.startsWith('@')) link(name)
    else for (const inner of readdirSync(join(root, 'node_modules', name))) link(`${name}/${inner}`)
  }
  const to = join(folder, 'node_modules/tidemark')
  mkdirSync(to)
  run('tar', ['-xzf', tarball, '-C', to, '--strip-components', '1'])
}

const files = (folder: string): string[] =>
  readdirSync(join(root, 'demo/create/templates', folder, 'src')).filter((file) => !/\.test\.ts$|\.css$/.test(file))

it.each(templates)(
  'the template of %s has three source files, and a component file if its framework has its own file type',
  (template) => {
    const own = [...new Set([...files('shared'), ...files(template)])].sort()
    const page = template === 'react' || template === 'solid' ? 'main.tsx' : 'main.ts'
    const component = { vue: ['App.vue'], svelte: ['App.svelte'] }[template] ?? []
    expect(own).toEqual([...component, page, 'shopping.ts', 'shopping.worker.ts'])
  },
)

it('getting started shows the files of the templates', () => {
  const page = readFileSync(join(root, 'demo/guide/getting-started.md'), 'utf8')
  // Each heading shows files of one template.
  const templateOf = (heading: string) =>
    heading.startsWith('With React') ? 'react' : heading.startsWith('With Vue') ? 'vue' : 'vanilla'
  const parts = page.split(/^### /m).map((text, i) => ({ template: i === 0 ? 'shared' : templateOf(text), text }))
  const shown = parts.flatMap(({ template, text }) =>
    [...text.matchAll(/^```(tsx?|vue|text)\n([\s\S]*?)^```/gm)].map(([, language, block = '']) => {
      const [first = '', ...rest] = block.split('\n')
      const [name, code] = language === 'vue' ? ['src/App.vue', block] : [first.slice('// '.length), rest.join('\n')]
      const file = join(root, 'demo/create/templates', template, name)
      expect({ name, exists: existsSync(file) }).toEqual({ name, exists: true })
      expect(code).toBe(readFileSync(file, 'utf8'))
      return `${template}/${name}`
    }),
  )
  expect(shown).toEqual([
    ...['shared/src/shopping.ts', 'shared/src/shopping.test.ts', 'shared/src/shopping.worker.ts'],
    ...['react/src/main.tsx', 'vue/src/main.ts', 'vue/src/App.vue', 'vanilla/src/main.ts'],
  ])
})

describe('npm create tidemark', () => {
  let folder: string
  let creator: string
  let browser: PlaywrightBrowser | undefined
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tidemark-create-'))
    shareModules(folder, inject('tarball'))
    const create = pack(join(root, 'demo/create'))
    run('tar', ['-xzf', create.tarball, '-C', folder])
    create.remove()
    creator = join(folder, 'package/create.mjs')
    if (has('chromium')) browser = await chromium()
  })
  afterAll(async () => {
    await browser?.close()
    if (folder) rmSync(folder, { recursive: true, force: true })
  })
  const bin = (file: string, args: readonly string[], cwd: string) =>
    run(process.execPath, [join(root, 'node_modules', file), ...args], cwd)

  it.each(templates)('creates an app with %s that type-checks, passes its test, builds and runs', async (template) => {
    const app = join(folder, `My ${template} app`)
    run(process.execPath, [creator, app, '--template', template], folder)
    const { name, dependencies, devDependencies } = JSON.parse(readFileSync(join(app, 'package.json'), 'utf8'))
    expect(name).toBe(`my-${template}-app`)
    const { tidemark, ...others } = { ...dependencies, ...devDependencies }
    expect(tidemark).toBe(`^${manifest.version}`)
    // The template has the versions with which the tests of this repository run.
    for (const [one, version] of Object.entries(others))
      expect({ [one]: version }).toEqual({ [one]: manifest.devDependencies[one] })

    bin('typescript/bin/tsc', ['-p', app], app)
    bin('vitest/vitest.mjs', ['run'], app)
    bin('vite/bin/vite.js', ['build', '--logLevel', 'warn'], app)
    expect(readdirSync(join(app, 'dist/assets')).some((file) => /^shopping\.worker-.*\.js$/.test(file))).toBe(true)
    if (!browser) return

    const server = await serve(join(app, 'dist'))
    const tab = await browser.open(server.url)
    const { page } = tab
    await page.getByLabel('Item').fill('Milk')
    await page.getByRole('button', { name: 'Add' }).click()
    await page.getByRole('checkbox', { name: 'Milk' }).check()
    await page.getByRole('button', { name: 'Remove Milk' }).click()
    await page.getByRole('button', { name: 'Undo' }).click()
    await page.getByRole('checkbox', { name: 'Milk', checked: true }).waitFor()
    await page.reload()
    await page.getByRole('checkbox', { name: 'Milk', checked: true }).waitFor()
    await page.getByLabel('Item').fill(' ')
    await page.getByRole('button', { name: 'Add' }).click()
    await page.getByText('Write a name first.').waitFor()
    expect(tab.log).toEqual([])
    await page.close()
    await server.close()
  })

  it('refuses an unknown template, and a folder that is not empty', () => {
    expect(() => run(process.execPath, [creator, 'other', '--template', 'cobol'], folder)).toThrow(
      'There is no template "cobol"',
    )
    expect(() => run(process.execPath, [creator, '.', '--template', 'react'], folder)).toThrow('is not empty')
  })
})
