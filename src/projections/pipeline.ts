import { rescue } from '../copies/rescue.ts'
import { EngineClosed, StorageError } from '../errors.ts'
import { type Channel, type Hint, openChannel } from '../log/channel.ts'
import { openDatabase } from '../log/database.ts'
import type { AnyModel } from '../model/model.ts'
import { createQueue } from '../queue.ts'
import { createFlushing } from './flushing.ts'
import { createFolding } from './folding.ts'
import { createHintQueue } from './hintQueue.ts'
import { createLater } from './later.ts'
import { createLiveTracks } from './liveTracks.ts'
import { createRebuilds } from './rebuild.ts'
import { openTables } from './tables.ts'
import { createTidying } from './tidy.ts'
import type { LoadTables, Pipeline, Workshop } from './workshop.ts'

export interface PipelineOptions {
  /** Loads the code of on-disk tables. Without it, they are reported as failed. */
  readonly loadTables?: LoadTables | undefined
  /** Opens the channel that this pipeline uses. By default it opens its own. */
  readonly listen?: ((name: string, receive: (hint: Hint) => void) => Channel) | undefined
}

export async function createPipeline(
  model: AnyModel,
  name: string,
  { loadTables, listen = openChannel }: PipelineOptions = {},
): Promise<Pipeline> {
  const database = await openDatabase(name, false)
  database.rescue = (record) => rescue(database, record)
  const closing = new AbortController()
  const { signal } = closing
  const queue = createQueue()
  const hints = createHintQueue()

  const channel = listen(name, (hint) => {
    if (hint.log !== database.log?.id) return
    // The mirror and the on-disk tables follow the log even if every projection in the pages has failed.
    shop.mirror?.hear(hint)
    shop.tables?.hear(hint)
    if ('adopted' in hint) database.log = hint.adopted ?? database.log
    // In a task of its own: a tab in the same page has just appended, and it has to answer its caller first.
    if (hints.hear(hint)) later.ask()
  })

  let isNew = true
  const announce = (): void => shop.post({ projected: live.checkpoints })

  const shop: Workshop = {
    model,
    database,
    closing: signal,
    get tracks() {
      return live.tracks
    },
    get tables() {
      return onDisk
    },
    exclusive: queue.run,
    channel,
    atHead: (...given) => queue.run(() => live.atHead(...given)),
    fold: (record) => live.fold(record),
    foldToHead: (...given) => folding.foldToHead(...given),
    write: (into) => folding.write(into),
    async reload() {
      live.forget()
      await live.readOn()
      announce()
    },
    post(hint) {
      // The compiler can't see that a hint without its log, plus a log, is a hint.
      channel.post({ log: database.log?.id, ...hint } as Hint)
    },
  }
  const flushChanges = (): void => {
    if (flushing.hasChanges && !signal.aborted) flushing.later()
  }
  const writeChanges = async (): Promise<void> => {
    try {
      // The stored pages are others, and no hint tells of them.
      if ((await queue.run(live.write)) === 'replaced') later.ask()
    } catch (error) {
      rewriting.failed(error)
    }
  }
  const flushing = createFlushing(writeChanges)
  const folding = createFolding(shop, flushing, {
    written() {
      rewriting.succeeded()
      announce()
      tidying.later()
    },
    outdated: () => live.forget(),
  })
  const live = createLiveTracks(shop, folding, hints, {
    reached() {
      later.succeeded()
      if (!signal.aborted && !flushing.hasChanges) {
        // A pipeline that died may have written pages without announcing them.
        if (isNew) announce()
        isNew = false
        tidying.later()
      }
      flushChanges()
    },
    changed: flushChanges,
  })
  const later = createLater(() => queue.join(live.readOn), signal)
  // Beside `later`, whose delay begins again with every read that succeeds.
  const rewriting = createLater(() => queue.join(live.readOn), signal)
  const tidying = createTidying(shop)
  const rebuilds = createRebuilds(shop)
  const onDisk = openTables(shop, loadTables)

  return {
    shop,
    ...rebuilds,
    async flush() {
      if ((await queue.run(live.flush)) === 'on hold') throw noRoom(name)
      return { ...live.checkpoints, ...(await onDisk?.flush()) }
    },
    async close() {
      closing.abort(new EngineClosed('closed'))
      flushing.stop()
      channel.close()
      await queue.idle()
      database.close()
    },
  }
}

const noRoom = (name: string): StorageError =>
  new StorageError(
    'quota',
    `IndexedDB had no space left for the persisted rows of "${name}", so they were removed; the log is complete. They are ` +
      'written again after an event was appended. Free space or call persist().',
  )
