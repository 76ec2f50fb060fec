import type { Position } from '../../remote.ts'
import {
  type AddCase,
  appendAtEnd,
  appendMessage,
  assertHolds,
  decode,
  fill,
  messagesOf,
  range,
  readAll,
  same,
  text,
} from './kit.ts'

/** What an append does to the log, and in which order readers find it. */
export function addOrderCases<Place>(test: AddCase<Place>, conditional: boolean): void {
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
}
