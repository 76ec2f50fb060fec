import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { pack, root, run } from './run.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** The path of the tarball that would be published. */
    readonly tarball: string
  }
}

/** The folder in which the project `built` finds the package. */
const unpacked = join(root, 'build/packed')

/** Builds and packs the package once for all its tests. */
export default function setup({ provide }: TestProject): () => void {
  const { tarball, remove } = pack()
  // Another project that packs the package must not build it again.
  process.env.TIDEMARK_BUILT = 'true'
  provide('tarball', tarball)
  rmSync(unpacked, { recursive: true, force: true })
  mkdirSync(unpacked, { recursive: true })
  run('tar', ['-xzf', tarball, '-C', unpacked])
  return remove
}
