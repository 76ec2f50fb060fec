import { ImportError } from '../errors.ts'
import { archivedSegment } from '../log/chunk.ts'
import {
  type Database,
  type LogIdentity,
  numberKeyOf,
  readIdentity,
  type StoreName,
  type StoreOf,
} from '../log/database.ts'
import { isShared } from '../log/local.ts'
import type { KnownReactions } from '../log/openReactions.ts'
import type { StagedChunk } from '../log/stores.ts'
import { putReactions } from './reactions.ts'
import { putSent, type SentEntry } from './sentCopy.ts'
import { askEmpty, isEmpty, notEmpty, type Stage, storesOfLog, takenOver } from './staging.ts'
import { putUnsent, type Unsent } from './unsent.ts'
import { reusedId } from './verifyCommits.ts'

/** The stores that are cleared: their content for the empty log is of no use to the new log. */
const CLEARED = ['commands', 'types', 'bases', 'pages', 'rowEvents', 'checkpoints'] as const
const SHOWN_STORES: StoreName[] = ['meta', 'bodies', ...CLEARED]

const NOTHING_UNSENT: Unsent = { lineage: undefined, base: 0, last: '', commands: [] }

/** What a restored log has beside its events. */
interface PublishedBeside {
  readonly unsent: Unsent | undefined
  readonly sent?: readonly SentEntry[] | undefined
  readonly reactions?: KnownReactions | undefined
}

/**
 * Makes a staged log visible, in one transaction. Throws ImportError if the log is not empty any more, or if two chunks use the
 * same command id. `lines` has the line of each chunk in the file.
 */
export async function publishStaged(
  database: Database,
  { owner, before, chunks }: Stage,
  log: LogIdentity,
  lines: readonly number[],
  { unsent = NOTHING_UNSENT, sent = [], reactions }: PublishedBeside,
): Promise<void> {
  let refusal: Error | undefined
  const body = (store: StoreOf, transaction: IDBTransaction): void => {
    refusal = undefined
    const was = store('meta').get('log')
    const requests = askEmpty(store, database)
    const staged = store('meta').get('staged')
    staged.onsuccess = () => {
      if (!isEmpty(requests)) refusal = notEmpty()
      else if (was.result?.id !== before.id || staged.result?.owner !== owner) refusal = takenOver()
      if (refusal) return transaction.abort()
      for (const name of CLEARED) store(name).clear()
      store('meta').delete('staged')
      store('meta').delete('builds')
      store('meta').put(log, 'log')
      if (reactions && database.hasNewer) putReactions(store, reactions, chunks.at(-1)?.last ?? 0)
      if (log.base) store('segments').put(archivedSegment(log.base), log.base)
      for (const chunk of chunks) move(store, chunk)
      index(store, 0)
    }
  }

  /** Reads one sidecar after the other, because together they may be large. */
  function index(store: StoreOf, n: number): void {
    const chunk = chunks[n]
    if (!chunk) return
    const sidecar = store('bodies').get(`${chunk.body}+`)
    sidecar.onsuccess = () => {
      for (const [id, entry] of sidecar.result?.entries ?? []) {
        const added = store('commands').add(entry, id)
        added.onerror = () => {
          if (added.error?.name === 'ConstraintError') refusal ??= new ImportError(lines[n] ?? n + 1, reusedId(id))
        }
      }
      for (const [type, version] of sidecar.result?.types ?? []) store('types').put({ type, version }, [type, version])
      store('bodies').delete(`${chunk.body}+`)
      if (isShared(log) && n === chunks.length - 1) putOutbox(store, chunk.last, sidecar.result?.commit ?? '')
      index(store, n + 1)
    }
  }

  /** Begins the outbox of a log with a remote, after the last event. */
  function putOutbox(store: StoreOf, base: number, last: string): void {
    const newest = store('outbox').openKeyCursor(null, 'prev')
    newest.onsuccess = () => {
      const n = Math.max(0, numberKeyOf(newest)) + 1
      store('outbox').clear()
      putUnsent(store, unsent, n, base, last)
      putSent(store, sent, base)
    }
  }

  try {
    // Strict, because the user may delete the file once the import is done.
    const stores: StoreName[] = [...SHOWN_STORES, ...storesOfLog(database)]
    if (sent.length && database.hasNewer) stores.push('sent')
    if (reactions && database.hasNewer) stores.push('reactions')
    await database.transact(stores, 'readwrite', body, 'strict')
  } catch (error) {
    if (refusal) throw refusal
    // The transaction may have completed although its answer was lost.
    const found = await readIdentity(database)
    if (found?.id !== log.id) throw error
  }
  database.log = log
}

function move(store: StoreOf, { base, bytes: _, ...segment }: StagedChunk): void {
  if (base === undefined) store('segments').put(segment, segment.last)
  else if (base) store('bases').put(segment, base)
  else store('bodies').delete(segment.body)
}
