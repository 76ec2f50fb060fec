import { sleep } from '../async.ts'
import { CorruptLog, EngineClosed, InvalidData } from '../errors.ts'
import { type CommitRecord, commandsOf, recordedOf } from '../log/commit.ts'
import type { AnyRecordedEvent } from '../model/events.ts'
import { createBackoff } from '../queue.ts'
import { waitForHead } from './arrive.ts'
import type { Core } from './core.ts'
import type { Engine, EventsOptions } from './types.ts'

/** After this many failed reads in a row, the reader gets the error. */
const READ_EVENTS_TRIES = 4
/** Milliseconds before the second read, doubled up to the maximum. */
const READ_AGAIN_MIN_MS = 20
const READ_AGAIN_MAX_MS = 1000

type EventSource = Pick<Engine<any, any, any>, 'status' | 'subscribe'>
type CommitBatches = AsyncGenerator<readonly CommitRecord[], void>

/**
 * All events after `after`, and then each new one when this engine applies its commit. A slow reader needs no buffer:
 * the log is read in batches as the reader asks for them. `return` also ends a `next` that waits.
 */
export function events(core: Core, handle: EventSource, options: EventsOptions): AsyncIterator<AnyRecordedEvent, void> {
  const leaving = new AbortController()
  const reading = followLog(core, handle, options, leaving.signal)
  return {
    next: () => reading.next(),
    return() {
      leaving.abort()
      return reading.return()
    },
  }
}

async function* followLog(
  core: Core,
  handle: EventSource,
  { after, signal }: EventsOptions,
  stopped: AbortSignal,
): AsyncGenerator<AnyRecordedEvent, void> {
  const backoff = createBackoff(READ_AGAIN_MIN_MS, READ_AGAIN_MAX_MS)
  let at = await startOf(core, handle, after, signal)
  let failures = 0
  let batches: CommitBatches | undefined
  try {
    for (;;) {
      signal?.throwIfAborted()
      if (stopped.aborted) return
      throwIfClosed(core, handle)
      const head = core.status.sequence
      if (at >= head) {
        if (core.state !== 'ready' || core.refusal) throw core.error ?? core.refusal
        await nextChange(handle, [signal, stopped])
        continue
      }
      let records: readonly CommitRecord[] = []
      try {
        if (!batches) checkPosition(core, at)
        batches ??= core.log.readAfter(at, signal)
        const { value, done } = await batches.next()
        // The log ends below the engine's head: another log may be about to replace it.
        if (done) throw new CorruptLog(at + 1)
        records = value
        failures = 0
        backoff.reset()
      } catch (error) {
        batches = undefined
        signal?.throwIfAborted()
        throwIfClosed(core, handle)
        if (error instanceof InvalidData || ++failures === READ_EVENTS_TRIES) throw error
        await sleep(backoff.next(), signal)
      }
      for (const event of eventsIn(core, records, at, head)) {
        yield event
        signal?.throwIfAborted()
        throwIfClosed(core, handle)
        at = event.sequence
      }
      // The batch may hold events above the head, which this engine has not applied yet. They are read again later.
      if (at >= head) {
        await batches?.return()
        batches = undefined
      }
    }
  } finally {
    await batches?.return()
  }
}

/**
 * The position to start after. It is checked against the log itself, because this tab may be behind the tab that stored
 * it.
 */
async function startOf(
  core: Core,
  handle: EventSource,
  after: number | undefined,
  signal: AbortSignal | undefined,
): Promise<number> {
  throwIfClosed(core, handle)
  if (after === undefined) return core.database?.log?.base ?? 0
  if (!(Number.isInteger(after) && after >= 0))
    throw new InvalidData(`events: "after" is a sequence, 0 or more, not ${after}`, ['after'])
  if (after > core.head) await waitForHead(core, signal)
  checkPosition(core, after)
  if (after > core.head && core.state === 'ready')
    throw new InvalidData(
      `events: "after" is ${after}, but the log ends at event ${core.head}. The position is of another log, or of one that was longer. ` +
        'Begin again without "after".',
      ['after'],
    )
  return after
}

/** Throws if archived events would be skipped. */
function checkPosition({ database }: Core, after: number): void {
  const base = database?.log?.base ?? 0
  if (after < base)
    throw new InvalidData(
      `events: "after" is ${after}, but events up to ${base} were archived. Read them in the archive's files, and go on after ${base}.`,
      ['after'],
    )
}

function throwIfClosed(core: Core, handle: EventSource): void {
  if (handle.status.state === 'closed') throw core.state === 'closed' ? core.error : new EngineClosed('closed')
}

/** The events after `after` up to `head`, one at a time. */
function* eventsIn(
  { types }: Core,
  records: readonly CommitRecord[],
  after: number,
  head: number,
): Generator<AnyRecordedEvent> {
  for (const record of records) {
    let sequence = record.first
    for (const command of commandsOf(record)) {
      if (sequence > head) return
      for (const event of recordedOf(command, sequence, types)) if (event.sequence > after) yield event
      sequence += command.events.length
    }
  }
}

/** Resolves when the engine publishes a change, or when a signal aborts. */
function nextChange({ subscribe }: EventSource, signals: readonly (AbortSignal | undefined)[]): Promise<void> {
  return new Promise((resolve) => {
    const wake = (): void => {
      forget()
      for (const signal of signals) signal?.removeEventListener('abort', wake)
      resolve()
    }
    const forget = subscribe(wake)
    for (const signal of signals) signal?.addEventListener('abort', wake)
  })
}
