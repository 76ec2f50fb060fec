import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import {
  afterArrival,
  afterError,
  afterLoss,
  FAILURES,
  nudge,
  RETRY_CLOSEST_MS,
  RETRY_MAX_MS,
  RETRY_MS,
  RETRY_PENDING_MAX_MS,
  stateAfter,
} from '../../src/engine/afterwards.ts'
import { CorruptLog, EngineClosed, ModelError, OutdatedCodeError, StorageError } from '../../src/errors.ts'
import { loop, put } from './loop.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance', 'Date'] })
})
afterEach(() => {
  vi.useRealTimers()
})

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const broken = new StorageError('aborted', 'the disk does not answer')
/** Milliseconds until the next try. */
const wait = ({ tab }: ReturnType<typeof loop>): number => tab.trouble!.until - performance.now()
/** The log can't be read, and the time of the next try comes. */
const failAgain = (made: ReturnType<typeof loop>): void => {
  if (made.tab.trouble) vi.advanceTimersByTime(wait(made))
  afterError(made.tab, broken)
}

describe('a tab that can not read its log', () => {
  test('says so, tries again after 1, 2, 4 … 30 seconds, and tells its subscribers once', () => {
    const made = loop()
    const { tab, told } = made
    const began = Date.now()
    const waits: number[] = []
    for (let i = 0; i < 8; i++) {
      failAgain(made)
      waits.push(wait(made))
    }
    expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000])
    expect([RETRY_MS, RETRY_MAX_MS]).toEqual([1000, 30_000])
    expect(tab).toMatchObject({ state: 'ready', behind: true, error: broken, trouble: { since: began, error: broken } })
    expect(told()).toBe(1)
  })

  test('keeps the time and error of the first failure, until it has read the log', () => {
    const made = loop()
    failAgain(made)
    const { since } = made.tab.trouble!
    vi.advanceTimersByTime(1000)
    afterError(made.tab, new StorageError('closed'))
    expect(made.tab.trouble).toMatchObject({ since, error: broken, tries: 2 })
    made.tab.behind = false
    afterArrival(made.tab)
    expect(made.tab.trouble).toBeUndefined()
    failAgain(made)
    expect(wait(made)).toBe(RETRY_MS)
  })

  test('tries earlier when somebody asks, but never closer than a second after the last try', () => {
    const made = loop()
    for (let i = 0; i < 6; i++) failAgain(made)
    expect(wait(made)).toBe(RETRY_MAX_MS)
    nudge(made.tab)
    expect(wait(made)).toBe(RETRY_CLOSEST_MS)
    vi.advanceTimersByTime(400)
    nudge(made.tab)
    expect(wait(made)).toBe(RETRY_CLOSEST_MS - 400)
    vi.advanceTimersByTime(20_000)
    nudge(made.tab)
    expect(wait(made)).toBeLessThan(0)
  })

  test('lets commands wait, shown, and answers each with the error after four failures, some six seconds', async () => {
    const made = loop()
    const { tab, send, outcomes } = made
    const began = performance.now()
    send('count')
    for (let i = 1; i < FAILURES; i++) {
      failAgain(made)
      expect(wait(made)).toBeLessThanOrEqual(RETRY_PENDING_MAX_MS)
    }
    await settled()
    expect(outcomes).toEqual([undefined])
    expect(tab.read.sum.value).toBe(1)
    failAgain(made)
    await settled()
    expect(outcomes).toEqual([broken])
    expect(tab.read.sum.value).toBe(0)
    expect(performance.now() - began).toBeLessThanOrEqual(6000)
    // With nobody waiting it takes its time.
    failAgain(made)
    expect(wait(made)).toBe(16_000)
  })

  test('lets a later command wait as long as an earlier one', async () => {
    const made = loop()
    for (let i = 0; i < 6; i++) failAgain(made)
    made.send('count')
    for (let i = 1; i < FAILURES; i++) failAgain(made)
    await settled()
    expect(made.outcomes).toEqual([undefined])
    failAgain(made)
    await settled()
    expect(made.outcomes).toEqual([broken])
  })

  test("says 'unknown' of a command that a transaction had, and nothing that would be untrue of others", async () => {
    const made = loop()
    const { tab, send, outcomes } = made
    put(send('count'), 'in transaction').attempts = [{ record: 'commit', strict: false }]
    const other = send('refuse')
    afterError(tab, broken)
    expect(tab.pending.map(({ phase }) => phase)).toEqual(['unsure', 'waiting'])
    // A failed append alone is no trouble: the log is read at once.
    expect(tab.trouble).toBeUndefined()
    for (let i = 0; i < FAILURES; i++) failAgain(made)
    await settled()
    expect(outcomes).toMatchObject([{ kind: 'unknown', cause: broken }, broken])
    expect(other.phase).toBe('settled')
  })
})

describe('a transaction that failed', () => {
  test('leaves its commands unsure until the log was read, then they are appended again, four times at most', async () => {
    const { tab, send, outcomes } = loop()
    const pending = send('count')
    pending.attempts = []
    for (let i = 1; i < FAILURES; i++) {
      put(pending, 'in transaction')
      afterError(tab, broken)
      expect(pending.phase).toBe('unsure')
      afterArrival(tab)
      expect(pending.phase).toBe('waiting')
    }
    put(pending, 'in transaction')
    afterError(tab, broken)
    afterArrival(tab)
    await settled()
    expect(outcomes).toEqual([broken])
  })

  test('is repeated at once, then after one second and after two', () => {
    const { tab, send } = loop()
    const now = performance.now()
    const pending = send('count')
    pending.attempts = []
    const times = [1, 2, 3].map(() => {
      put(pending, 'in transaction')
      afterError(tab, broken)
      afterArrival(tab)
      return tab.appendFrom
    })
    expect(times).toEqual([undefined, now + RETRY_MS, now + 2 * RETRY_MS])
  })

  test('on a full disk: neighbours go alone, then rows of the past, mirror, drafts and pages give way, then the caller is told', async () => {
    const { tab, send, outcomes } = loop()
    const quota = new StorageError('quota')
    Object.assign(tab, { database: {} })
    const both = [send('count'), send('count')]
    for (const one of both) put(one, 'in transaction')
    afterError(tab, quota)
    expect(both.map(({ phase, tries }) => [phase, tries.alone])).toEqual([
      ['waiting', true],
      ['waiting', true],
    ])
    expect(tab.full).toBeUndefined()
    const [first] = both
    for (const room of [0, 1, 2, 3]) {
      put(first!, 'in transaction', { room })
      afterError(tab, quota)
      expect(tab.full).toBe(first)
      tab.full = undefined
    }
    put(first!, 'in transaction', { room: Infinity })
    afterError(tab, quota)
    await settled()
    expect(outcomes).toEqual([quota, undefined])
    // The log can be read: this is no trouble.
    expect(tab).toMatchObject({ behind: false, error: quota })
    expect(tab.trouble).toBeUndefined()
  })
})

describe('errors that end an engine', () => {
  test.each([
    [new CorruptLog(7), 'failed'],
    [new ModelError('upcast of "added" from version 1 threw at 7'), 'failed'],
    [new OutdatedCodeError('newer', 1), 'outdated'],
    [new EngineClosed('log replaced'), 'closed'],
    [new StorageError('lost'), undefined],
    [new StorageError('unavailable'), undefined],
    [new TypeError('x'), undefined],
  ])('%s', async (error, state) => {
    expect(stateAfter(error)).toBe(state)
    if (!state) return
    const { tab, send, outcomes } = loop()
    put(send('count'), 'in transaction')
    put(send('count'), 'waiting')
    afterError(tab, error)
    expect(tab).toMatchObject({ state, error })
    expect(tab.trouble).toBeUndefined()
    await settled()
    // Said before anything was written.
    expect(outcomes).toEqual([error, error])
    expect(tab.pending).toEqual([])
  })

  test('a command whose outcome was open then is told that it stays so, if the log can not be read for it', async () => {
    const { tab, send, outcomes } = loop()
    put(send('count'), 'unsure')
    afterError(tab, new CorruptLog(3))
    await settled()
    expect(outcomes).toEqual([undefined])
    afterError(tab, new CorruptLog(3))
    await settled()
    expect(outcomes).toMatchObject([{ name: 'StorageError', kind: 'unknown' }])
    expect(tab.error).toMatchObject({ name: 'CorruptLog' })
  })
})

describe('another tab that was faster', () => {
  test('counts as a lost race, for those of the group only', () => {
    const { tab, send } = loop()
    const [a, b] = [send('count'), send('count')]
    afterLoss(tab, [a!], 'raced')
    expect([a!.tries.races, b!.tries.races, tab.behind]).toEqual([1, 0, true])
  })

  test('a seal is no lost race', () => {
    const { tab, send } = loop()
    const one = send('count')
    afterLoss(tab, [one], 'sealed')
    expect([one.tries.races, tab.behind]).toEqual([0, true])
  })

  test('writing while this tab reads counts as one for all that wait', () => {
    const { tab, send } = loop()
    const one = send('count')
    tab.behind = true
    afterArrival(tab)
    expect(one.tries.races).toBe(1)
  })

  test('a tail that can not be decided on inside: only reading helps, so no race counts any more', () => {
    const { tab, send } = loop()
    const [a, b] = [put(send('count'), 'waiting', { races: 2 }), put(send('refuse'), 'waiting', { races: 5 })]
    afterLoss(tab, [a], 'not whole')
    expect([a.tries.races, b.tries.races, tab.behind]).toEqual([0, 0, true])
  })
})
