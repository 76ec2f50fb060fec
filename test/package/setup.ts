import type { TestProject } from 'vitest/node'
import { pack } from './run.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** The path of what would be published. */
    readonly tarball: string
  }
}

/** Builds and packs once for all tests of the package. */
export default function setup({ provide }: TestProject): () => void {
  const { tarball, remove } = pack()
  provide('tarball', tarball)
  return remove
}
