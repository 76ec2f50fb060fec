import { endOf, exportChunks, inPortions } from '../../copies/exportChunks.ts'
import { randomId } from '../../ids.ts'
import { type Chunk, packChunk } from '../../log/chunk.ts'
import type { Core } from '../core.ts'
import type { Engine } from '../types.ts'
import { openCore, type Watch } from './openCore.ts'

/**
 * The whole log as a file: a stream of verified chunks, made as they are read.
 * @example
 * ```ts
 * const file = new Response(exportLog(engine)).blob()
 * ```
 *
 * It keeps one chunk in memory at a time and ends at the head of the call; `onProgress` counts events. The stream fails
 * with `CorruptLog` if the log is corrupt, with `StorageError` or `EngineClosed` if it can't be read, and with the signal's reason.
 * `importLog` refuses a file that was cut. It works in memory mode, too.
 */
export function exportLog(
  engine: Engine<any, any, any>,
  { signal, onProgress }: Watch = {},
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const core = openCore(engine)
  const total = core.head
  return streamOf(core.database ? exportChunks(core.database, signal) : fromMemory(core, total), signal, (chunk) =>
    onProgress?.({ phase: 'export', done: Math.min(chunk.header.last, total), total }),
  )
}

/** Chunks as a stream of bytes, each made when it is asked for. */
export function streamOf(
  chunks: AsyncGenerator<Chunk, void>,
  signal: AbortSignal | undefined,
  progress: (chunk: Chunk) => void,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream<Uint8Array<ArrayBuffer>>(
    {
      async pull(controller) {
        signal?.throwIfAborted()
        const { done, value } = await chunks.next()
        signal?.throwIfAborted()
        if (done) return controller.close()
        controller.enqueue(value.bytes)
        progress(value)
      },
      async cancel() {
        await chunks.return()
      },
    },
    { highWaterMark: 0 },
  )
}

async function* fromMemory(core: Core, total: number): AsyncGenerator<Chunk, void> {
  core.logId ||= randomId()
  const id = core.logId
  let last: Chunk | undefined
  // Leaves out events that were appended since the call.
  for await (const records of inPortions(core.log.readAfter(0), total)) {
    last = await packChunk({ id, lineage: id, format: 1 }, records)
    yield last
  }
  yield endOf(last?.header ?? { log: id, lineage: id, last: 0 }, 1)
}
