import { asError } from '../caught.ts'
import type { Core } from '../engine/core.ts'
import type { Stretch } from '../engine/tools/stretches.ts'
import { commandsOf } from '../log/commit.ts'
import type { AnyRecordedEvent } from '../model/events.ts'

/** The entry at one number of the log. */
export interface LogEntry {
  readonly sequence: number
  /** True if it is the first event of a commit. */
  readonly isFirst: boolean
  /** The event in its current type and version, or as stored if this code does not know the type. undefined if it can't be read. */
  readonly event?: AnyRecordedEvent
  readonly error?: Error
  /** The range of numbers that have this error. */
  readonly damage?: { readonly first: number; readonly last: number }
}

/** The entries of one range. Each is made when it is needed: a commit may have thousands of events, of which a list shows twenty. */
export interface LogRecord {
  readonly first: number
  readonly last: number
  at(sequence: number): LogEntry
}

export function parseRecord({ types }: Core, { record, error, first, last }: Stretch): LogRecord {
  const made = new Map<number, LogEntry>()
  const damaged = (why: Error): LogRecord => ({
    first,
    last,
    at: (sequence) => ({ sequence, isFirst: sequence === first, error: why, damage: { first, last } }),
  })
  if (!record) return damaged(error)
  try {
    const all = commandsOf(record).flatMap((command) => command.events.map((stored) => ({ stored, command })))

    function make(sequence: number): LogEntry {
      const isFirst = sequence === first
      const one = all[sequence - first]
      if (!one) return damaged(new Error('There is no such event.')).at(sequence)
      const { stored, command } = one
      const { id, at, meta } = command
      const whole = { sequence, at, commandId: id, ...(meta !== undefined && { meta }) }
      try {
        return { sequence, isFirst, event: { ...types.today(stored, sequence), ...whole } }
      } catch (error) {
        // The panel does not know the types of the model.
        return { sequence, isFirst, event: { ...stored, ...whole } as AnyRecordedEvent, error: asError(error) }
      }
    }

    return {
      first,
      last: first + all.length - 1,
      at(sequence) {
        const entry = made.get(sequence) ?? make(sequence)
        made.set(sequence, entry)
        return entry
      },
    }
  } catch (error) {
    return damaged(asError(error))
  }
}
