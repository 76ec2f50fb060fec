import { asError } from '../caught.ts'
import type { Core } from '../engine/core.ts'
import { type Block, blocksAround, type Stretch, WINDOW_EVENTS } from '../engine/tools/stretches.ts'
import { createBreather } from '../slices.ts'
import { type LogEntry, parseRecord } from './logRecord.ts'

/** The most events at the end of the log that are read at once for a list that follows it: some screens. */
const FOLLOWED_EVENTS = 64
/** The most reads of the log that are cached. Each is a segment or some hundred events. */
const REGIONS_MAX = 12
/** The most parsed records that are cached, and the most decoded blocks. */
const PARSED_MAX = 64
/** Milliseconds without a jump after which a list that jumps from place to place is read again, and the most that it waits. */
const REST_MS = 80
const REST_MAX_MS = 500

interface Region {
  readonly first: number
  readonly last: number
  readonly blocks: readonly Block[]
  /** True if the storage gave no answer. A later read may succeed. */
  readonly isFailed: boolean
}

/** The entries of the log by number. They are read when they are needed. */
export interface LogEntries {
  /** undefined while it is being read. `changed` is called when it is there. */
  at(sequence: number): LogEntry | undefined
  read(sequence: number): Promise<LogEntry>
  /** Reads the missing entries of a range at the end of the log, so that `at` has them. */
  readEnd(first: number, last: number): Promise<void>
  /** Forgets failed reads, so that the next call reads again. Returns whether there were any. */
  forgetFailures(): boolean
  /** Reads backwards from `before`, in slices, and calls `reading` with its progress. `mayFit` tests the text of a record before it is parsed. */
  backwards(
    before: number,
    mayFit: (body: string) => boolean,
    signal: AbortSignal,
    reading: (sequence: number) => void,
  ): AsyncGenerator<LogEntry>
}

export function createLogEntries(core: Core, changed: () => void): LogEntries {
  let regions: Region[] = []
  const decoded = createRecent((block: Block) => block.decode())
  const parsed = createRecent((stretch: Stretch) => parseRecord(core, stretch))
  let wanted: number | undefined
  let isReading = false
  let place = 0
  let jumped = Number.NEGATIVE_INFINITY
  let began = Number.NEGATIVE_INFINITY
  let restsUntil = Number.NEGATIVE_INFINITY

  const regionAt = (sequence: number): Region | undefined =>
    regions.find(({ first, last }) => first <= sequence && last >= sequence)

  async function load(sequence: number, most = WINDOW_EVENTS): Promise<Region> {
    const known = regionAt(sequence)
    if (known) return known
    // The log has grown: only the new part is read.
    const below = regions.find(({ last }) => last < sequence && sequence - last < WINDOW_EVENTS)
    let blocks: readonly Block[]
    let isFailed = false
    try {
      blocks = await blocksAround(core, sequence, below?.last, most)
    } catch (error) {
      const range = { first: sequence, last: sequence }
      blocks = [{ ...range, decode: () => [{ ...range, error: asError(error) }] }]
      isFailed = true
    }
    const isShort = below && below.last - below.first < WINDOW_EVENTS
    if (isShort && blocks[0]?.first === below.last + 1) blocks = [...below.blocks, ...blocks]
    const region = {
      first: Math.min(sequence, blocks[0]?.first ?? sequence),
      last: Math.max(sequence, blocks.at(-1)?.last ?? sequence),
      blocks,
      isFailed,
    }
    // A larger read replaces an earlier read, which ended at the old end of the log.
    regions = [region, ...regions.filter(({ first, last }) => last < region.first || first > region.last)]
    regions.length = Math.min(regions.length, REGIONS_MAX)
    return region
  }

  function entryIn({ blocks }: Region, sequence: number): LogEntry {
    const block = holderOf(blocks, sequence)
    const stretch = block && holderOf(decoded(block), sequence)
    const missing = { first: sequence, last: sequence, error: new Error('There is no such event.') }
    return parsed(stretch ?? missing).at(sequence)
  }

  /**
   * Notes a jump of the list. While the bar is dragged, each frame passes a segment that nobody reads. To free unpacked text, a browser needs a
   * millisecond for each megabyte, in one task. So a list that jumps repeatedly is read where it comes to rest.
   */
  function noteJump(sequence: number): void {
    const isFar = Math.abs(sequence - place) > WINDOW_EVENTS
    place = sequence
    if (!isFar) return
    const now = performance.now()
    if (now - jumped < REST_MS) restsUntil = Math.min(now + REST_MS, began + REST_MAX_MS)
    jumped = now
  }

  /** Reads one request at a time, always the latest: a fast scroll requests more events than anybody sees. */
  async function readWanted(): Promise<void> {
    if (isReading) return
    isReading = true
    while (wanted !== undefined) {
      const rest = restsUntil - performance.now()
      if (rest > 0) {
        await new Promise((resolve) => setTimeout(resolve, rest))
        continue
      }
      const sequence = wanted
      wanted = undefined
      began = performance.now()
      await load(sequence)
      changed()
    }
    isReading = false
  }

  return {
    at(sequence) {
      noteJump(sequence)
      const region = regionAt(sequence)
      if (region) return entryIn(region, sequence)
      wanted = sequence
      void readWanted()
      return
    },
    async read(sequence) {
      return entryIn(await load(sequence), sequence)
    },
    async readEnd(first, last) {
      for (let sequence = first; sequence <= last; )
        sequence = Math.max(sequence, (await load(sequence, FOLLOWED_EVENTS)).last) + 1
    },
    forgetFailures() {
      const { length } = regions
      regions = regions.filter(({ isFailed }) => !isFailed)
      return regions.length < length
    },
    async *backwards(before, mayFit, signal, reading) {
      const breather = createBreather(signal)
      for (let sequence = before - 1; sequence > 0; ) {
        const { blocks, first } = await load(sequence)
        for (const stretch of newestFirst(blocks, sequence)) {
          if (stretch.record && mayFit(stretch.record.body)) {
            const record = parseRecord(core, stretch)
            for (let at = Math.min(record.last, before - 1); at >= record.first; at--) yield record.at(at)
          }
          if (breather.isDue) {
            reading(stretch.first)
            await breather.rest()
          }
        }
        sequence = Math.min(sequence, first) - 1
      }
      reading(0)
    },
  }
}

/** The stretches of some blocks that begin at or below a sequence. Decodes one block after the other. */
function* newestFirst(blocks: readonly Block[], sequence: number): Generator<Stretch> {
  for (const block of [...blocks].reverse())
    for (const stretch of [...block.decode()].reverse()) if (stretch.first <= sequence) yield stretch
}

/** The first item that ends at or after a sequence. */
function holderOf<T extends { readonly last: number }>(ascending: readonly T[], sequence: number): T | undefined {
  let [low, high] = [0, ascending.length - 1]
  while (low < high) {
    const middle = (low + high) >> 1
    if (ascending[middle]!.last < sequence) low = middle + 1
    else high = middle
  }
  return ascending[low]
}

/** Caches the last `PARSED_MAX` results of a function. */
function createRecent<K, V>(make: (key: K) => V): (key: K) => V {
  const made = new Map<K, V>()
  return (key) => {
    const value = made.get(key) ?? make(key)
    made.delete(key)
    made.set(key, value)
    for (const [oldest] of made) {
      if (made.size <= PARSED_MAX) break
      made.delete(oldest)
    }
    return value
  }
}
