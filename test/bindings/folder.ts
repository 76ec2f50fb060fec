import { fileURLToPath } from 'node:url'

/** Where a test writes the output of a compiler, so that its imports resolve like those of the tests. */
export const folderOf = (name: string): string =>
  fileURLToPath(new URL(`../../build/bindings/${name}`, import.meta.url))
