import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { pack, root, run } from './run.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** The path of what would be published. */
    readonly tarball: string
  }
}

/** Where the project `built` looks for the package. */
const unpacked = join(root, 'build/packed')

/** Builds and packs once for all tests of the package. */
export default function setup({ provide }: TestProject): () => void {
  const { tarball, remove } = pack()
  // The other project that needs it packs what is there.
  process.env.TIDEMARK_BUILT = 'true'
  provide('tarball', tarball)
  rmSync(unpacked, { recursive: true, force: true })
  mkdirSync(unpacked, { recursive: true })
  run('tar', ['-xzf', tarball, '-C', unpacked])
  return remove
}
