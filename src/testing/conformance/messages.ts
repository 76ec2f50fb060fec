import type { RemoteMessage } from '../../remote.ts'
import {
  type AddCase,
  appendAtEnd,
  appendMessage,
  assertHolds,
  batchesOf,
  failure,
  isKind,
  messagesOf,
  noise,
  patience,
  range,
  readAll,
  same,
  text,
} from './kit.ts'

/** The most bytes of a batch: the 1 MB that it should have, and some more for the framing of a server. */
const MOST_BATCH_BYTES = 1_250_000

/** Which bytes are read, from where, and in which batches. */
export function addMessageCases<Place>(test: AddCase<Place>): void {
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
}
