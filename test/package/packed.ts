import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { inject } from 'vitest'
import { root, run } from './run.ts'

export interface PackedApp {
  /** Where the app's sources are. Its `node_modules` has the packed tarball and what that depends on, nothing else. */
  readonly folder: string
  write(file: string, text: string): void
  /** What Vite makes of it without any settings; answers with the folder to serve. */
  build(to?: string, flags?: readonly string[]): string
  remove(): void
}

/** An app in a folder of its own that has installed the tarball, as a user has it. */
export const packedApp = (sources: string): PackedApp => {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-app-'))
  const write = (file: string, text: string) => {
    mkdirSync(dirname(join(folder, file)), { recursive: true })
    writeFileSync(join(folder, file), text)
  }
  const dependencies = { tidemark: `file:${inject('tarball')}` }
  write('package.json', JSON.stringify({ name: 'app', private: true, type: 'module', dependencies }))
  run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', '--silent'], folder)
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
