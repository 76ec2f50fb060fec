import { type Chunk, recordsIn } from '../log/chunk.ts'
import type { Database } from '../log/database.ts'
import { headOf } from '../log/head.ts'
import { chainOf } from './chain.ts'
import { listChunks } from './files.ts'
import { importChunks } from './importChunks.ts'
import { whenFree } from './mirrorLock.ts'
import { folderOf, type MirrorPlace, placeOfMirror } from './mirrorPlace.ts'
import { findReactions } from './reactions.ts'
import { type Restored, type RestoreProgress, withReason } from './restored.ts'
import { readSentFiles } from './sentCopy.ts'
import { beginUnsent, noteArrived, readUnsent, type Unsent } from './unsent.ts'

/** Fills an empty log and its outbox from its mirror, if it has one. Any error but ImportError means that the mirror could not be read. */
export async function restoreFromMirror(
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
    const unsent = folder && (await readUnsent(folder))
    const chain = chainOf(folder ? await listChunks(folder) : new Map())
    const { claimed } = chain
    progress?.(0, claimed)
    const chunks = chain.chunks[Symbol.asyncIterator]()
    const first = await chunks.next()
    if (first.done) {
      if (unsent) await beginUnsent(database, unsent)
      return withReason(0, chain.reason ?? unsent?.reason)
    }
    const { lineage } = first.value.header
    // An empty log has its own lineage. It takes over the lineage of its remote with the first commits.
    const own = !unsent?.base || unsent.lineage === lineage ? unsent : undefined
    const arrived = new Set<string>()
    const { sequence } = await importChunks(database, numbered(first.value, chunks, own, arrived), {
      restoring: true,
      // A mirror with an outbox makes the log shared even if the app names no remote: only the remote may order its events.
      shared: shared || !!own,
      unsent: () => own && { ...own, commands: own.commands.filter(({ id }) => !arrived.has(id)) },
      sent: folder && (await readSentFiles(folder, lineage)),
      reactions: folder && (await findReactions(folder, lineage)),
      signal,
      progress: (done) => progress?.(done, claimed),
    })
    return withReason(sequence, chain.reason ?? own?.reason)
  })
}

async function* numbered(
  first: Chunk,
  others: AsyncIterator<Chunk>,
  unsent: Unsent | undefined,
  arrived: Set<string>,
): AsyncGenerator<Chunk & { readonly line: number }> {
  let line = 0
  for (let chunk: Chunk | undefined = first; chunk; ) {
    const { kind, last } = chunk.header
    if (unsent && !kind && last > unsent.base)
      for await (const records of recordsIn(chunk)) noteArrived(arrived, unsent, records)
    yield { ...chunk, line: ++line }
    const next: IteratorResult<Chunk> = await others.next()
    chunk = next.done ? undefined : next.value
  }
}
