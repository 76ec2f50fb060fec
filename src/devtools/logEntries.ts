import { asError } from '../caught.ts'
import type { Core } from '../engine/core.ts'
import { type Stretch, stretchesAround, WINDOW_EVENTS } from '../engine/tools/stretches.ts'
import { createBreather } from '../slices.ts'
import { type LogEntry, type LogRecord, parseRecord } from './logRecord.ts'

/** The most reads of the log that are cached. Each is a segment or some hundred events. */
const REGIONS_MAX = 12
/** The most parsed records that are cached. */
const PARSED_MAX = 64

interface Region {
  readonly first: number
  readonly last: number
  readonly stretches: readonly Stretch[]
  /** True if the storage gave no answer. It may answer later. */
  readonly isFailed: boolean
}

/** The entries of the log by number. They are read when they are needed. */
export interface LogEntries {
  /** undefined while it is being read. `changed` is called when it is there. */
  at(sequence: number): LogEntry | undefined
  read(sequence: number): Promise<LogEntry>
  /** Forgets failed reads, so that the next call reads again. */
  forgetFailures(): void
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
  const parsed = new Map<Stretch, LogRecord>()
  let wanted: number | undefined
  let isReading = false

  const regionAt = (sequence: number): Region | undefined =>
    regions.find(({ first, last }) => first <= sequence && last >= sequence)

  async function load(sequence: number): Promise<Region> {
    const known = regionAt(sequence)
    if (known) return known
    // The log has grown: only the new part is read.
    const below = regions.find(({ last }) => last < sequence && sequence - last < WINDOW_EVENTS)
    let stretches: readonly Stretch[]
    let isFailed = false
    try {
      stretches = await stretchesAround(core, sequence, below?.last)
    } catch (error) {
      stretches = [{ first: sequence, last: sequence, error: asError(error) }]
      isFailed = true
    }
    const isShort = below && below.last - below.first < WINDOW_EVENTS
    if (isShort && stretches[0]?.first === below.last + 1) stretches = [...below.stretches, ...stretches]
    const region = {
      first: Math.min(sequence, stretches[0]?.first ?? sequence),
      last: Math.max(sequence, stretches.at(-1)?.last ?? sequence),
      stretches,
      isFailed,
    }
    // A larger read replaces an earlier one that ended at the old end of the log.
    regions = [region, ...regions.filter(({ first, last }) => last < region.first || first > region.last)]
    regions.length = Math.min(regions.length, REGIONS_MAX)
    return region
  }

  function entryIn({ stretches }: Region, sequence: number): LogEntry {
    let [low, high] = [0, stretches.length - 1]
    while (low < high) {
      const middle = (low + high) >> 1
      if (stretches[middle]!.last < sequence) low = middle + 1
      else high = middle
    }
    const missing = { first: sequence, last: sequence, error: new Error('There is no such event.') }
    return recordOf(stretches[low] ?? missing).at(sequence)
  }

  function recordOf(stretch: Stretch): LogRecord {
    let record = parsed.get(stretch)
    if (!record) {
      record = parseRecord(core, stretch)
      parsed.set(stretch, record)
      for (const [oldest] of parsed) {
        if (parsed.size <= PARSED_MAX) break
        parsed.delete(oldest)
      }
    }
    return record
  }

  /** Reads one thing at a time, always the latest request: a fast scroll asks for more than anybody sees. */
  async function readWanted(): Promise<void> {
    if (isReading) return
    isReading = true
    while (wanted !== undefined) {
      const sequence = wanted
      wanted = undefined
      await load(sequence)
      changed()
    }
    isReading = false
  }

  return {
    at(sequence) {
      const region = regionAt(sequence)
      if (region) return entryIn(region, sequence)
      wanted = sequence
      void readWanted()
      return
    },
    async read(sequence) {
      return entryIn(await load(sequence), sequence)
    },
    forgetFailures() {
      regions = regions.filter(({ isFailed }) => !isFailed)
    },
    async *backwards(before, mayFit, signal, reading) {
      const breather = createBreather(signal)
      for (let sequence = before - 1; sequence > 0; ) {
        const { stretches, first } = await load(sequence)
        for (const stretch of [...stretches].reverse()) {
          if (stretch.first > sequence) continue
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
