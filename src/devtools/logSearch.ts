import { createFold } from '../model/fold.ts'
import { lookUpRow } from '../projections/rowEvents.ts'
import { type Filter, fits, keyOfText, mayFit } from './filter.ts'
import type { LogEntries } from './logEntries.ts'
import type { LogEntry } from './logRecord.ts'
import type { Session } from './session.ts'

/** The number of matches after which a search pauses until the user scrolls to them. */
const FOUND_AT_ONCE = 200
/** Milliseconds between two updates of the matches. */
const SHOW_MS = 100

/** The events of a log that match a filter, newest first. */
export interface LogSearch {
  readonly filter: Filter
  readonly count: number
  /** undefined if there is no such match, or while it is being read. */
  at(index: number): LogEntry | undefined
  sequenceAt(index: number): number | undefined
  /** The index of an event among the matches; -1 if it is not a match. */
  indexOf(sequence: number): number
  /** True when the whole log was searched. */
  readonly isOver: boolean
  /** True while the search pauses until the user sees the last matches. */
  readonly isWaiting: boolean
  /** The number of events that were not searched yet. */
  readonly remaining: number
  readonly failure: unknown
  /** Adds the matches after `before`, up to `head`, at the front. Returns their number. */
  grow(before: number, head: number): Promise<number>
  stop(): void
}

/** Calls `changed` from time to time while there are new matches. */
export function createLogSearch(
  session: Session,
  log: LogEntries,
  filter: Filter,
  head: number,
  changed: () => void,
): LogSearch {
  const { core, engine } = session
  const ending = new AbortController()
  const { signal } = ending
  const found: LogEntry[] = []
  let isOver = false
  let remaining = head
  let failure: unknown
  let wanted = FOUND_AT_ONCE
  let wake: (() => void) | undefined
  let shown = performance.now()

  const show = (): void => {
    if (performance.now() - shown < SHOW_MS) return
    shown = performance.now()
    changed()
  }

  /** Waits until the user sees the last of `count` matches. */
  async function wait(count: number): Promise<void> {
    if (count < wanted) return
    changed()
    await new Promise<void>((resolve) => {
      wake = resolve
    })
    signal.throwIfAborted()
  }

  async function scan(): Promise<void> {
    const entries = log.backwards(head + 1, mayFit(filter), signal, (sequence) => {
      remaining = sequence
      show()
    })
    for await (const entry of entries) {
      if (!fits(filter, entry)) continue
      found.push(entry)
      show()
      await wait(found.length)
    }
  }

  async function findRow(table: string, text: string): Promise<void> {
    const key = keyOfText(engine, table, text)
    const row = { table, key, reverse: true, signal }
    const { type, command, text: words } = filter
    const { to, sequences } = (!type && !command && !words && (await positionsOf(session, table, key))) || NOWHERE
    if (to < core.head) await findByFolding({ ...row, after: to })
    if (!sequences.length) return
    // The number of matches is known before the first match is read.
    let next = found.length
    for (const sequence of sequences) found.push({ sequence, isFirst: true })
    isOver = true
    changed()
    const fill = async (entry: LogEntry): Promise<void> => {
      found[next++] = entry
      show()
      await wait(next)
    }
    try {
      for await (const event of engine.history({ ...row, before: to + 1 })) {
        const entry = entryOf(event)
        // The log may have been replaced.
        if (found[next]?.sequence !== entry.sequence) return
        await fill(entry)
      }
    } catch (error) {
      noteFailure(error)
      // Around a damaged record, events are read one by one.
      while (next < found.length) await fill(await log.read(found[next]!.sequence))
    }
  }

  /** A failure does not end the search, because an index may name more events. */
  async function findByFolding(range: Parameters<typeof engine.history>[0]): Promise<void> {
    try {
      for await (const event of engine.history(range)) {
        const entry = entryOf(event)
        if (!fits(filter, entry)) continue
        found.push(entry)
        show()
        await wait(found.length)
      }
    } catch (error) {
      noteFailure(error)
    }
  }

  function noteFailure(error: unknown): void {
    signal.throwIfAborted()
    failure = error
  }

  async function find(): Promise<void> {
    try {
      if (filter.row) await findRow(filter.row.table, filter.row.key)
      else await scan()
    } catch (error) {
      if (signal.aborted) return
      failure = error
    }
    isOver = true
    wake = undefined
    changed()
  }

  void find()
  return {
    filter,
    get count() {
      return found.length
    },
    at(index) {
      if (wake && index > wanted - FOUND_AT_ONCE / 4) {
        const goOn = wake
        wake = undefined
        wanted = index + FOUND_AT_ONCE
        queueMicrotask(goOn)
      }
      const entry = found[index]
      return entry?.event || entry?.error ? entry : undefined
    },
    sequenceAt: (index) => found[index]?.sequence,
    indexOf: (sequence) => found.findIndex((entry) => entry.sequence === sequence),
    get isOver() {
      return isOver
    },
    get isWaiting() {
      return wake !== undefined
    },
    get remaining() {
      return remaining
    },
    get failure() {
      return failure
    },
    async grow(before, head) {
      if (filter.row) return 0
      const fresh: LogEntry[] = []
      for (let sequence = head; sequence > before && fresh.length < FOUND_AT_ONCE; sequence--) {
        const entry = await log.read(sequence)
        if (fits(filter, entry)) fresh.push(entry)
      }
      if (signal.aborted) return 0
      found.unshift(...fresh)
      return fresh.length
    },
    stop() {
      ending.abort()
      wake?.()
    },
  }
}

const entryOf = (event: LogEntry['event'] & {}): LogEntry => ({ sequence: event.sequence, isFirst: true, event })

const NOWHERE: { readonly to: number; readonly sequences: readonly number[] } = { to: 0, sequences: [] }

/** The sequences of the events of one row, newest first, up to the checkpoint of its table. undefined if there is no index. */
async function positionsOf(
  { core }: Session,
  table: string,
  key: string | number,
): Promise<typeof NOWHERE | undefined> {
  const { database, model, types } = core
  const definition = model.projections[table]
  if (!database || definition?.into.kind !== 'table' || !definition.into.history) return
  const fold = createFold(table, definition, types)
  // The rows are not needed, so the index is not brought to the head.
  const sequences = await lookUpRow(database, fold, key, 0)
  if (!sequences) return
  const base = database.log?.base ?? 0
  return { to: fold.sequence, sequences: sequences.filter((sequence) => sequence > base).reverse() }
}
