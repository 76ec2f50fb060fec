import type { Chunk } from '../log/chunk.ts'
import type { Database } from '../log/database.ts'
import { headOf } from '../log/look.ts'
import { adopt } from './adopt.ts'
import { chainOf } from './chain.ts'
import { list } from './files.ts'
import { whenFree } from './mirrorLock.ts'
import { folderOf, type MirrorPlace, placeOfMirror } from './mirrorPlace.ts'
import { type Restored, type RestoreProgress, withReason } from './restored.ts'

/** Fills an empty log from its mirror, if there can be one. Any error but ImportError means that it could not be looked for. */
export async function bringBack(
  database: Database,
  place: MirrorPlace,
  shared: boolean,
  signal?: AbortSignal,
  progress?: RestoreProgress,
): Promise<Omit<Restored, 'log'>> {
  const parent = await placeOfMirror(place, database.name)
  if (!parent) return { sequence: 0 }
  return whenFree(database.name, async () => {
    if (await headOf(database)) return { sequence: 0 }
    const folder = await folderOf(parent, database.name)
    const chain = chainOf(folder ? await list(folder) : new Map())
    const { claimed } = chain
    progress?.(0, claimed)
    const chunks = chain.chunks[Symbol.asyncIterator]()
    const first = await chunks.next()
    if (first.done) return withReason(0, chain.reason)
    const { sequence } = await adopt(database, numbered(first.value, chunks), {
      restoring: true,
      shared,
      signal,
      progress: (done) => progress?.(done, claimed),
    })
    return withReason(sequence, chain.reason)
  })
}

async function* numbered(
  first: Chunk,
  others: AsyncIterator<Chunk>,
): AsyncGenerator<Chunk & { readonly line: number }> {
  let line = 1
  yield { ...first, line }
  for (let next = await others.next(); !next.done; next = await others.next()) yield { ...next.value, line: ++line }
}
