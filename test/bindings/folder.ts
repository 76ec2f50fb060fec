import { fileURLToPath } from 'node:url'

/** Where a test writes what a compiler made, so that it resolves what the tests resolve. */
export const folderOf = (name: string): string =>
  fileURLToPath(new URL(`../../build/bindings/${name}`, import.meta.url))
