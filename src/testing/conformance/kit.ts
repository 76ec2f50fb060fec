import { sleep } from '../../async.ts'
import { type Position, type Remote, RemoteError, type RemoteMessage } from '../../remote.ts'

/** How to reach a remote. If an optional function is missing, the cases that need it are left out. */
export interface RemoteUnderTest<Place> {
  /** False: the remote can't compare, so every append goes to the end, whatever its `after` is. */
  readonly conditional: boolean
  /** Makes an empty log. `Place` is what the other functions need to find it. */
  create(): Promise<Place> | Place
  /** Opens the remote as one more device. */
  open(place: Place): Remote
  /** Opens the remote as a device that has no access. */
  openDenied?(place: Place): Remote
  /** Stops the server as a crash does. */
  stop?(place: Place): Promise<void> | void
  /** Starts the server that was stopped. */
  start?(place: Place): Promise<void> | void
  /** Stops the server, removes its newest messages, and starts it again. */
  forget?(place: Place, count: number): Promise<void> | void
  /** Deletes the log. */
  remove?(place: Place): Promise<void> | void
  /** Ends what `create` began. */
  close?(place: Place): Promise<void> | void
}

/** How a case is added: its name, and what it does with a new log. */
export type AddCase<Place> = (name: string, run: (open: () => Remote, place: Place) => Promise<void>) => void

/** The longest that a call of a remote may take before its case fails. */
const CONFORMANCE_CALL_MS = 30_000
const POLL_MS = 20

export const patience = (): { readonly signal: AbortSignal } => ({ signal: AbortSignal.timeout(CONFORMANCE_CALL_MS) })

let ids = 0
export const appendMessage = (remote: Remote, message: Uint8Array, after: Position): Promise<'appended' | 'refused'> =>
  remote.append(message, { after, id: `conformance-${++ids}`, ...patience() })

export async function* batchesOf(
  read: AsyncIterable<readonly RemoteMessage[]>,
): AsyncGenerator<readonly RemoteMessage[]> {
  for await (const batch of read) {
    assertHolds(batch.length > 0, 'a batch was empty')
    yield batch
  }
}

export async function collect(read: AsyncIterable<readonly RemoteMessage[]>): Promise<RemoteMessage[]> {
  const all: RemoteMessage[] = []
  for await (const batch of batchesOf(read)) all.push(...batch)
  return all
}

export const readAll = (remote: Remote, after: Position = '', including = false): Promise<RemoteMessage[]> =>
  collect(remote.read(after, { including, ...patience() }))

/** Appends at the end. Tries again while other writers are faster. */
export async function appendAtEnd(remote: Remote, message: Uint8Array): Promise<void> {
  const { signal } = patience()
  let last: Position = ''
  while (true) {
    for await (const batch of batchesOf(remote.read(last, { signal }))) last = batch.at(-1)!.position
    if ((await appendMessage(remote, message, last)) === 'appended') return
  }
}

export async function fill(remote: Remote, count: number): Promise<readonly RemoteMessage[]> {
  const messages = range(count, (i) => text(`message ${i}`))
  for (const message of messages) await appendAtEnd(remote, message)
  const all = await readAll(remote)
  same(all, messages)
  return all
}

/** Repeats a call as long as the remote is unreachable: the first calls after a start may come too early. */
export async function retryCall<T>(run: () => Promise<T>): Promise<T> {
  const { signal } = patience()
  while (true) {
    try {
      return await run()
    } catch (error) {
      if (signal.aborted || !isKind(error, 'unreachable')) throw error
      await sleep(POLL_MS, signal)
    }
  }
}

export async function until(holds: () => boolean, otherwise: string): Promise<void> {
  for (let waited = 0; !holds(); waited += POLL_MS) {
    assertHolds(waited < CONFORMANCE_CALL_MS, otherwise)
    await sleep(POLL_MS)
  }
}

export function assertHolds(holds: boolean, otherwise: string): asserts holds {
  if (!holds) throw new Error(`The remote does not conform: ${otherwise}`)
}

export async function failure(promise: Promise<unknown>): Promise<unknown> {
  let value: unknown
  try {
    value = await promise
  } catch (error) {
    return error
  }
  throw new Error(`The remote does not conform: a call resolved to ${JSON.stringify(value)} that has to reject`)
}

export const isKind = (error: unknown, kind: RemoteError['kind']): boolean =>
  error instanceof RemoteError && error.kind === kind

export const text = (value: string): Uint8Array => new TextEncoder().encode(value)
export const decode = (value: Uint8Array): string => new TextDecoder().decode(value)
export const range = <T>(length: number, make: (i: number) => T): T[] => Array.from({ length }, (_, i) => make(i))
export const messagesOf = (messages: readonly RemoteMessage[]): readonly Uint8Array[] =>
  messages.map(({ message }) => message)
export const listedPositions = (messages: readonly RemoteMessage[]): string =>
  messages.map(({ position }) => position).join(' ')
/** Bytes that compression can't shorten and that are not valid text. */
export const noise = (length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => Math.imul(i + length, 0x9e3779b1) >>> 24)

function equal(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

const shownMessage = (message: Uint8Array): string => `${decode(message.slice(0, 40))} (${message.length} bytes)`

export function same(
  found: readonly (RemoteMessage | Uint8Array)[],
  expected: readonly Uint8Array[],
  where = 'the read',
): void {
  const bytes = found.map((one) => (one instanceof Uint8Array ? one : one.message))
  assertHolds(bytes.length === expected.length, `${where}: ${bytes.length} messages instead of ${expected.length}`)
  for (const [i, message] of bytes.entries()) {
    const wanted = expected[i]!
    assertHolds(
      equal(message, wanted),
      `${where}: message ${i} is ${shownMessage(message)} instead of ${shownMessage(wanted)}`,
    )
  }
}
