import { sleep } from '../async.ts'
import { type Position, type Remote, RemoteError, type RemoteMessage } from '../remote.ts'

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

/** One test: `run` rejects if the remote isn't what the engine relies on. */
export interface ConformanceCase {
  readonly name: string
  /** Runs the case; rejects if the remote fails it. */
  run(): Promise<void>
}

/** The longest that a call of a remote may take before its case fails. */
const CONFORMANCE_CALL_MS = 30_000
const POLL_MS = 20
/** The most bytes of a batch: the 1 MB that it should have, and some more for the framing of a server. */
const MOST_BATCH_BYTES = 1_250_000

/**
 * The tests of an adapter: a remote that passes them all is one that the engine can rely on.
 * @example
 * ```ts
 * import { it } from 'vitest'
 * import { memoryRemote, remoteConformance } from 'tidemark/testing'
 *
 * const cases = remoteConformance({
 *   conditional: true,
 *   create: () => memoryRemote(),
 *   open: (server) => server.device()('todos'),
 *   openDenied: (server) => server.device({ denied: true })('todos'),
 * })
 * for (const { name, run } of cases) it(name, run)
 * ```
 *
 * Each case makes a new log. The cases work with every test runner: `run` rejects with an `Error` that says what the remote did.
 */
export function remoteConformance<Place>(subject: RemoteUnderTest<Place>): readonly ConformanceCase[] {
  const { conditional, openDenied, stop, start, forget, remove } = subject
  const cases: ConformanceCase[] = []
  const test = (name: string, run: (open: () => Remote, place: Place) => Promise<void>): void =>
    void cases.push({
      name,
      async run() {
        const place = await subject.create()
        try {
          await run(() => subject.open(place), place)
        } finally {
          await subject.close?.(place)
        }
      },
    })

  test('an empty log yields nothing', async (open) => {
    const messages = await readAll(open())
    assertHolds(messages.length === 0, `it yielded ${messages.length} messages`)
  })

  test('an acknowledged append is found by every read that begins afterwards, on any device', async (open) => {
    const [writer, reader] = [open(), open()]
    for (let i = 0; i < 20; i++) {
      await appendAtEnd(writer, text(`message ${i}`))
      for (const remote of [writer, reader])
        same(
          await readAll(remote),
          range(i + 1, (n) => text(`message ${n}`)),
        )
    }
  })

  test('all readers see one order, with each append of several writers once', async (open) => {
    const writers = [open(), open(), open()]
    const perWriter = 15
    await Promise.all(
      writers.map(async (remote, w) => {
        for (let i = 0; i < perWriter; i++) await appendAtEnd(remote, text(`writer ${w}, ${i}`))
      }),
    )
    const [first = [], ...others] = await Promise.all([...writers, open()].map((remote) => readAll(remote)))
    for (const other of others) same(other, messagesOf(first), 'two readers see different orders')
    assertHolds(new Set(first.map(({ position }) => position)).size === first.length, 'two messages have one position')
    const seen = first.map(({ message }) => decode(message))
    for (const [w] of writers.entries()) {
      const mine = seen.filter((one) => one.startsWith(`writer ${w},`))
      same(
        mine.map(text),
        range(perWriter, (i) => text(`writer ${w}, ${i}`)),
        `writer ${w}`,
      )
    }
  })

  test(
    conditional
      ? 'of several appends after one position exactly one lands, and the refused ones are absent'
      : 'of several appends after one position the refused ones are absent',
    async (open) => {
      const writers = [open(), open(), open(), open()]
      let last: Position = ''
      for (let round = 0; round < 10; round++) {
        const answers = await Promise.all(
          writers.map((remote, w) => appendMessage(remote, text(`round ${round}, writer ${w}`), last)),
        )
        const added = await readAll(open(), last)
        const landed = added.map(({ message }) => decode(message))
        for (const [w, answer] of answers.entries()) {
          const times = landed.filter((one) => one === `round ${round}, writer ${w}`).length
          assertHolds(times === (answer === 'appended' ? 1 : 0), `an append that was ${answer} is there ${times} times`)
        }
        if (conditional)
          assertHolds(landed.length === 1, `${landed.length} of ${writers.length} landed after "${last}"`)
        last = added.at(-1)?.position ?? last
      }
    },
  )

  if (conditional)
    test('an append after a position that is not the last one is refused', async (open) => {
      const remote = open()
      const before = await fill(remote, 3)
      for (const after of ['', before[0]!.position, before[1]!.position]) {
        const answer = await appendMessage(remote, text('stale'), after)
        assertHolds(answer === 'refused', `an append after "${after}" was ${answer}`)
      }
      same(await readAll(remote), messagesOf(before))
    })

  test('messages up to the limit are read with the bytes that were appended', async (open) => {
    const remote = open()
    const sizes = [1, 2, 255, 256, 65_535, 65_536, remote.limits.bytes - 1, remote.limits.bytes]
    const messages = [Uint8Array.from({ length: 256 }, (_, i) => i), ...sizes.map(noise)]
    for (const message of messages) await appendAtEnd(remote, message)
    same(await readAll(open()), messages)
  })

  test('a message over the limit is refused as too large, and the next one is accepted', async (open) => {
    const remote = open()
    const error = await failure(appendMessage(remote, noise(remote.limits.bytes + 1), ''))
    assertHolds(isKind(error, 'too-large'), `it answered ${error}`)
    await appendAtEnd(remote, text('small'))
    same(await readAll(open()), [text('small')])
  })

  test('a change of the bytes after append was called does not change the message', async (open) => {
    const remote = open()
    const message = text('as it was')
    const answer = appendMessage(remote, message, '')
    message.fill(0)
    await answer
    same(await readAll(remote), [text('as it was')])
  })

  test('a read resumes after any position, or at it', async (open) => {
    const remote = open()
    for (let i = 0; i < 12; i++) await appendAtEnd(remote, text(`message ${i}`))
    const all = await readAll(remote)
    for (const [i, { position }] of all.entries()) {
      same(await readAll(open(), position), messagesOf(all.slice(i + 1)), `after "${position}"`)
      same(await readAll(open(), position, true), messagesOf(all.slice(i)), `from "${position}"`)
    }
    same(await readAll(remote, '', true), messagesOf(all), 'from the beginning')
  })

  test('a read comes in batches of about 1 MB, none of them empty', async (open) => {
    const remote = open()
    const size = Math.min(150_000, remote.limits.bytes)
    const messages = range(20, (i) => noise(size + i - 20))
    for (const message of messages) await appendAtEnd(remote, message)
    const found: RemoteMessage[] = []
    for await (const batch of batchesOf(open().read('', patience()))) {
      const bytes = batch.reduce((sum, { message }) => sum + message.length, 0)
      assertHolds(
        bytes <= MOST_BATCH_BYTES || batch.length === 1,
        `a batch of ${batch.length} messages has ${bytes} bytes`,
      )
      found.push(...batch)
    }
    same(found, messages)
  })

  test('messages that are not of the log are read unchanged', async (open) => {
    const remote = open()
    const garbage = [
      Uint8Array.of(0),
      text('\r\n\r\nPUB x 1\r\n'),
      Uint8Array.of(0xff, 0xfe, 0x80),
      text('{"v":1'),
      noise(70_000),
    ]
    const messages = [text('mine'), ...garbage, text('mine'), text('mine again')]
    for (const message of messages) await appendAtEnd(open(), message)
    same(await readAll(remote), messages)
  })

  test('a device that watches hears "online", and "more" after an append of another device', async (open) => {
    const heard: string[] = []
    const unwatch = open().watch((poke) => heard.push(poke))
    try {
      await until(() => heard.includes('online'), 'the watcher never heard "online"')
      const before = heard.length
      await appendAtEnd(open(), text('news'))
      await until(() => heard.slice(before).includes('more'), 'the watcher never heard "more"')
    } finally {
      unwatch()
    }
    const after = heard.length
    const other = open()
    await appendAtEnd(other, text('unheard'))
    await readAll(other)
    assertHolds(heard.length === after, 'the watcher was called after it ended')
  })

  test('a call with an aborted signal rejects with its reason', async (open) => {
    const remote = open()
    await appendAtEnd(remote, text('one'))
    const reason = new Error('enough')
    const signal = AbortSignal.abort(reason)
    assertHolds(
      (await failure(remote.append(text('two'), { after: '', id: 'id', signal }))) === reason,
      'append did not',
    )
    assertHolds((await failure(collect(remote.read('', { signal })))) === reason, 'read did not')
    const controller = new AbortController()
    for await (const _ of remote.read('', { signal: controller.signal })) break
    controller.abort(reason)
    same(await readAll(remote), [text('one')])
  })

  if (openDenied)
    test('a device without access is denied, and leaves nothing behind', async (open, place) => {
      const denied = openDenied(place)
      const errors = [await failure(appendMessage(denied, text('mine'), '')), await failure(readAll(denied))]
      for (const error of errors) assertHolds(isKind(error, 'denied'), `it answered ${error}`)
      same(await readAll(open()), [])
    })

  if (stop && start) {
    test('without the server, calls reject as unreachable and the watcher hears "offline"; both work again when it is back', async (open, place) => {
      const remote = open()
      const heard: string[] = []
      const unwatch = remote.watch((poke) => heard.push(poke))
      try {
        await appendAtEnd(remote, text('before'))
        await until(() => heard.includes('online'), 'the watcher never heard "online"')
        await stop(place)
        await until(() => heard.at(-1) === 'offline', 'the watcher never heard "offline"')
        const errors = [await failure(appendMessage(remote, text('lost'), '')), await failure(readAll(remote))]
        for (const error of errors) assertHolds(isKind(error, 'unreachable'), `it answered ${error}`)
        await start(place)
        await until(() => heard.at(-1) !== 'offline', 'the watcher never heard "online" again')
        const before = heard.length
        await appendAtEnd(open(), text('after'))
        await until(() => heard.slice(before).includes('more'), 'the watcher never heard "more" again')
        await appendAtEnd(remote, text('own'))
        same(await readAll(remote), ['before', 'after', 'own'].map(text))
      } finally {
        unwatch()
      }
    })

    test('positions are the same after a restart of the server', async (open, place) => {
      const before = await fill(open(), 5)
      await stop(place)
      await start(place)
      const after = await retryCall(() => readAll(open()))
      same(after, messagesOf(before))
      assertHolds(
        listedPositions(after) === listedPositions(before),
        `${listedPositions(before)} became ${listedPositions(after)}`,
      )
      same(await readAll(open(), before[2]!.position), messagesOf(before.slice(3)))
      assertHolds(
        (await appendMessage(open(), text('next'), before[4]!.position)) === 'appended',
        'the next append was refused',
      )
    })
  }

  if (forget)
    test('a position that the remote forgot yields nothing, until another device has written there', async (open, place) => {
      const before = await fill(open(), 5)
      const last = before[4]!.position
      await forget(place, 2)
      same(await retryCall(() => readAll(open())), messagesOf(before.slice(0, 3)))
      same(await readAll(open(), last, true), [])
      same(await readAll(open(), last), [])
      if (conditional)
        assertHolds(
          (await appendMessage(open(), text('stale'), last)) === 'refused',
          'an append after it was not refused',
        )
      await appendAtEnd(open(), text('other'))
      same(await readAll(open(), before[2]!.position), [text('other')])
    })

  if (remove)
    test('a log that was deleted is gone', async (open, place) => {
      await appendAtEnd(open(), text('one'))
      await remove(place)
      const errors = [await failure(appendMessage(open(), text('two'), '')), await failure(readAll(open()))]
      for (const error of errors) assertHolds(isKind(error, 'gone'), `it answered ${error}`)
    })

  return cases
}

const patience = (): { readonly signal: AbortSignal } => ({ signal: AbortSignal.timeout(CONFORMANCE_CALL_MS) })

let ids = 0
const appendMessage = (remote: Remote, message: Uint8Array, after: Position): Promise<'appended' | 'refused'> =>
  remote.append(message, { after, id: `conformance-${++ids}`, ...patience() })

async function* batchesOf(read: AsyncIterable<readonly RemoteMessage[]>): AsyncGenerator<readonly RemoteMessage[]> {
  for await (const batch of read) {
    assertHolds(batch.length > 0, 'a batch was empty')
    yield batch
  }
}

async function collect(read: AsyncIterable<readonly RemoteMessage[]>): Promise<RemoteMessage[]> {
  const all: RemoteMessage[] = []
  for await (const batch of batchesOf(read)) all.push(...batch)
  return all
}

const readAll = (remote: Remote, after: Position = '', including = false): Promise<RemoteMessage[]> =>
  collect(remote.read(after, { including, ...patience() }))

/** Appends at the end. Tries again while other writers are faster. */
async function appendAtEnd(remote: Remote, message: Uint8Array): Promise<void> {
  const { signal } = patience()
  let last: Position = ''
  while (true) {
    for await (const batch of batchesOf(remote.read(last, { signal }))) last = batch.at(-1)!.position
    if ((await appendMessage(remote, message, last)) === 'appended') return
  }
}

async function fill(remote: Remote, count: number): Promise<readonly RemoteMessage[]> {
  const messages = range(count, (i) => text(`message ${i}`))
  for (const message of messages) await appendAtEnd(remote, message)
  const all = await readAll(remote)
  same(all, messages)
  return all
}

/** Repeats a call as long as the remote is unreachable: the first calls after a start may come too early. */
async function retryCall<T>(run: () => Promise<T>): Promise<T> {
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

async function until(holds: () => boolean, otherwise: string): Promise<void> {
  for (let waited = 0; !holds(); waited += POLL_MS) {
    assertHolds(waited < CONFORMANCE_CALL_MS, otherwise)
    await sleep(POLL_MS)
  }
}

function assertHolds(holds: boolean, otherwise: string): asserts holds {
  if (!holds) throw new Error(`The remote does not conform: ${otherwise}`)
}

async function failure(promise: Promise<unknown>): Promise<unknown> {
  let value: unknown
  try {
    value = await promise
  } catch (error) {
    return error
  }
  throw new Error(`The remote does not conform: a call resolved to ${JSON.stringify(value)} that has to reject`)
}

const isKind = (error: unknown, kind: RemoteError['kind']): boolean =>
  error instanceof RemoteError && error.kind === kind

const text = (value: string): Uint8Array => new TextEncoder().encode(value)
const decode = (value: Uint8Array): string => new TextDecoder().decode(value)
const range = <T>(length: number, make: (i: number) => T): T[] => Array.from({ length }, (_, i) => make(i))
const messagesOf = (messages: readonly RemoteMessage[]): readonly Uint8Array[] => messages.map(({ message }) => message)
const listedPositions = (messages: readonly RemoteMessage[]): string =>
  messages.map(({ position }) => position).join(' ')
/** Bytes that compression can't shorten and that are not valid text. */
const noise = (length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => Math.imul(i + length, 0x9e3779b1) >>> 24)

function equal(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

const shownMessage = (message: Uint8Array): string => `${decode(message.slice(0, 40))} (${message.length} bytes)`

function same(
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
