import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { inject } from 'vitest'
import { root, run } from './run.ts'

export interface PackedApp {
  /** The folder of the sources of the app. Its `node_modules` has only the packed tarball and its dependencies. */
  readonly folder: string
  write(file: string, text: string): void
  /** Builds the app with Vite without settings. Returns the folder to serve. */
  build(to?: string, flags?: readonly string[]): string
  remove(): void
}

/** Puts the tarball and its dependencies into the `node_modules` of a folder, as `npm install` does. Only package.test.ts runs `npm install`. */
const addPackage = (folder: string, tarball: string): void => {
  const modules = join(folder, 'node_modules')
  mkdirSync(join(modules, 'tidemark'), { recursive: true })
  run('tar', ['-xzf', tarball, '-C', join(modules, 'tidemark'), '--strip-components', '1'])
  const { dependencies } = JSON.parse(readFileSync(join(modules, 'tidemark/package.json'), 'utf8'))
  for (const name of Object.keys(dependencies))
    cpSync(join(root, 'node_modules', name), join(modules, name), { recursive: true })
}

/** Creates an app in a new folder with the tarball installed, like the app of a user. */
export const packedApp = (sources: string): PackedApp => {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-app-'))
  const write = (file: string, text: string) => {
    mkdirSync(dirname(join(folder, file)), { recursive: true })
    writeFileSync(join(folder, file), text)
  }
  const dependencies = { tidemark: `file:${inject('tarball')}` }
  write('package.json', JSON.stringify({ name: 'app', private: true, type: 'module', dependencies }))
  addPackage(folder, inject('tarball'))
  cpSync(sources, folder, { recursive: true })
  return {
    folder,
    write,
    build(to = 'dist', flags = []) {
      const vite = join(root, 'node_modules/vite/bin/vite.js')
      run(process.execPath, [vite, 'build', '--outDir', to, '--logLevel', 'warn', ...flags], folder)
      return join(folder, to)
    },
    remove() {
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
