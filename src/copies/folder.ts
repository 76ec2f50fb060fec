import type { Chunk } from '../log/chunk.ts'
import { remove, writeFile } from './files.ts'
import { folderOf } from './mirrorPlace.ts'

/** The folder that one mirror writes to. */
export interface MirrorFolder {
  /** Replaces the whole file. Makes the folder if there is none. */
  put(file: string, chunks: readonly Pick<Chunk, 'bytes'>[]): Promise<void>
  drop(file: string): Promise<void>
}

/** The folder of a mirror. Once `ended` has aborted, another writer may use the folder, so this writer writes and removes nothing any more. */
export function createFolder(
  parent: FileSystemDirectoryHandle,
  name: string,
  found: FileSystemDirectoryHandle | undefined,
  ended: AbortSignal,
): MirrorFolder {
  let folder = found
  const check = (): void => ended.throwIfAborted()
  return {
    async put(file, chunks) {
      check()
      folder ??= await folderOf(parent, name, true)
      check()
      if (folder) await writeFile(folder, file, chunks, check)
    },
    async drop(file) {
      check()
      if (folder) await remove(folder, file)
    },
  }
}
