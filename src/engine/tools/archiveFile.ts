import { endOf } from '../../copies/exportChunks.ts'
import { StorageError } from '../../errors.ts'
import type { Chunk } from '../../log/chunk.ts'
import type { Database } from '../../log/database.ts'
import { queueBody, sealedChunk } from '../../log/sealed.ts'
import type { SegmentRecord } from '../../log/stores.ts'
import { streamOf } from './exportLog.ts'

/** The events that an archive moved out, as one file. */
export interface ArchiveFile extends ReadableStream<Uint8Array<ArrayBuffer>> {
  /** Deletes these events here. Call it when the file is safe elsewhere. Rejects with `StorageError('aborted')` if the file was not read to its end. */
  forget(): Promise<void>
}

/** The file of all events that were moved out and not forgotten yet. */
export function archiveFileOf(database: Database): ArchiveFile {
  let segments: readonly SegmentRecord[] | undefined

  async function* chunks(): AsyncGenerator<Chunk, void> {
    const leftover = await database.transact(['meta'], 'readonly', (store) => store('meta').get('archived'))
    const found = leftover.result ?? []
    const { id, lineage, base = 0 } = database.log!
    let last: Chunk | undefined
    for (const segment of found) {
      const body = await database.transact(['bodies'], 'readonly', (store) => queueBody(store, segment.body))
      last = await sealedChunk(database, segment, body)
      yield last
    }
    yield endOf(last?.header ?? { log: id, lineage, last: base }, found[0]?.first ?? base + 1)
    segments = found
  }

  async function forget(): Promise<void> {
    if (!segments)
      throw new StorageError(
        'aborted',
        'archive: its file was not read to the end, so nothing was removed. Read and save all of it, then call forget()',
      )
    const bodies = new Set(segments.map(({ body }) => body))
    await database.transact(['meta', 'bodies'], 'readwrite', (store) => {
      const now = store('meta').get('archived')
      now.onsuccess = () => {
        const kept = (now.result ?? []).filter(({ body }) => !bodies.has(body))
        for (const body of bodies) store('bodies').delete(body)
        if (kept.length) store('meta').put(kept, 'archived')
        else store('meta').delete('archived')
      }
    })
  }

  return Object.assign(
    streamOf(chunks(), undefined, () => {}),
    { forget },
  )
}
