import { InvalidData } from 'tidemark'
import { DraftOver } from 'tidemark/drafts'
import { destroy, exportLog } from 'tidemark/tools'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { wire } from '../engine/channel.ts'
import { broken, quiet, traffic } from '../engine/kit.ts'
import { freshName, later, outcome } from '../engine/todos.ts'
import { createLocks } from '../engine/tools/locks.ts'
import { abortWith, dump, isAppend, loseAnswer } from '../log/storage.ts'
import { type Chat, chatTab, leftBehind } from './kit.ts'

let locks: ReturnType<typeof createLocks>
beforeEach(() => {
  locks = createLocks()
  vi.stubGlobal('navigator', { locks })
})

const header = { threadId: 't' }
const textOf = ({ drafts }: Chat, id = 'r') => drafts.reply.get(id)?.text
const stateOf = ({ drafts }: Chat, id = 'r') => drafts.reply.get(id)?.state
const stored = async (name: string) => (await dump(name, 'drafts')).map(({ value }) => value.text).join('')
/** Two tabs that both show the draft with this id. */
async function twoTabs(name = freshName()) {
  const a = await chatTab(name)
  const b = await chatTab(name)
  for (const { drafts } of [a, b]) drafts.reply.get('r')
  return { name, a, b }
}
/** Aborts every append of a command, as a full disk does. */
function fullDisk() {
  const storage = broken()
  storage.onTransaction = (transaction, stores, mode) => {
    if (isAppend(stores, mode)) abortWith(transaction, 'QuotaExceededError')
  }
  return storage
}

describe('rule 1: a draft has one writer', () => {
  test('a writer holds the lock of its epoch while it writes, and no longer', async () => {
    const { name, a } = await twoTabs()
    const held = async () => (await locks.query()).held.filter((lock) => lock.name.startsWith('tidemark/draft/'))
    const writer = a.drafts.reply.begin('r', header)
    writer.append('x')
    await expect.poll(() => stored(name)).toBe('x')
    expect(await held()).toMatchObject([{ mode: 'exclusive' }])
    await writer.discard()
    await expect.poll(held).toEqual([])
  })

  test('a draft whose writer is gone is abandoned and keeps its text', async () => {
    const name = freshName()
    const a = await chatTab(name)
    await leftBehind(name, 'r', 'Hel', 'lo')
    expect(a.drafts.reply.get('r')).toBe(undefined)
    await expect.poll(() => a.drafts.reply.get('r')).toEqual({ id: 'r', text: 'Hello', state: 'abandoned', ...header })
    expect(await a.drafts.reply.list()).toEqual([{ id: 'r', text: 'Hello', state: 'abandoned', ...header }])
  })

  test('a tab that closes abandons its drafts, and tells the other tabs', async () => {
    const { name, a, b } = await twoTabs()
    a.drafts.reply.begin('r', header).append('half a sen')
    await expect.poll(() => textOf(b)).toBe('half a sen')
    expect(stateOf(b)).toBe('live')
    await a.close()
    await expect.poll(() => stateOf(b)).toBe('abandoned')
    expect(await stored(name)).toBe('half a sen')
  })

  test('an abandoned draft is committed by only one tab, or discarded', async () => {
    const name = freshName()
    const a = await chatTab(name)
    const b = await chatTab(name)
    await leftBehind(name, 'r', 'Hel', 'lo')
    await leftBehind(name, 's', 'no')
    const ends = [a, b].map((one, i) =>
      outcome(one.drafts.reply.end('r', (text) => one.dispatch.add({ id: `${i}`, text }))),
    )
    const outcomes = await Promise.all(ends)
    expect(outcomes.filter((one) => one instanceof DraftOver)).toHaveLength(1)
    expect(a.read.messages.all().map(({ text }) => text)).toEqual(['Hello'])
    await b.drafts.reply.discard('s')
    expect(await dump(name, 'drafts')).toEqual([])
    expect(await a.drafts.reply.list()).toEqual([])
    expect(await outcome(a.drafts.reply.end('r', () => expect.unreachable()))).toBeInstanceOf(DraftOver)
  })

  test('other tabs can not commit a draft that is being written, but can discard it', async () => {
    const { name, a, b } = await twoTabs()
    const writer = a.drafts.reply.begin('r', header)
    writer.append('live')
    await expect.poll(() => textOf(b)).toBe('live')
    expect(await outcome(b.drafts.reply.end('r', () => expect.unreachable()))).toBeInstanceOf(DraftOver)
    await b.drafts.reply.discard('r')
    await expect.poll(() => writer.signal.aborted).toBe(true)
    expect(writer.signal.reason).toBeInstanceOf(DraftOver)
    expect(textOf(a)).toBe(undefined)
    expect(await dump(name, 'drafts')).toEqual([])
  })

  test('a new attempt starts empty, and later writes or ends of the older one change nothing', async () => {
    const { name, a, b } = await twoTabs()
    const older = a.drafts.reply.begin('r', header)
    older.append('old')
    await expect.poll(() => textOf(b)).toBe('old')
    const newer = b.drafts.reply.begin('r', { threadId: 'other' })
    expect(textOf(b)).toBe('')
    newer.append('new')
    await expect.poll(() => stored(name)).toBe('new')
    older.append(' and more')
    await quiet()
    expect(await outcome(older.end((text) => a.dispatch.add({ id: 'r', text })))).toBeInstanceOf(DraftOver)
    expect(await stored(name)).toBe('new')
    await expect.poll(() => a.drafts.reply.get('r')).toMatchObject({ text: 'new', threadId: 'other', state: 'live' })
    expect(textOf(b)).toBe('new')
    expect(a.read.messages.size).toBe(0)
    await older.discard()
    expect(await stored(name)).toBe('new')
  })

  test('an attempt writes nothing after another attempt has ended the draft', async () => {
    const net = wire()
    const { name, a, b } = await twoTabs()
    const older = a.drafts.reply.begin('r', header)
    older.append('old')
    await expect.poll(() => stored(name)).toBe('old')
    // The tab is frozen and receives nothing.
    net.fate = () => 0
    const newer = b.drafts.reply.begin('r', header)
    newer.append('new')
    await newer.end((text) => b.dispatch.add({ id: 'r', text }))
    net.fate = () => 1
    older.append('er')
    await quiet()
    expect(await dump(name, 'drafts')).toEqual([])
    expect(await outcome(older.end((text) => a.dispatch.add({ id: 'again', text })))).toBeInstanceOf(DraftOver)
    expect(b.read.messages.all()).toEqual([{ id: 'r', text: 'new' }])
  })

  test('an attempt that heard of no other one checks the store before it ends', async () => {
    const net = wire()
    const { name, a, b } = await twoTabs()
    const older = a.drafts.reply.begin('r', header)
    older.append('old')
    await expect.poll(() => stored(name)).toBe('old')
    net.fate = () => 0
    b.drafts.reply.begin('r', header).append('new')
    await expect.poll(() => stored(name)).toBe('new')
    expect(await outcome(older.end((text) => a.dispatch.add({ id: 'r', text })))).toBeInstanceOf(DraftOver)
    expect([a.read.messages.size, await stored(name)]).toEqual([0, 'new'])
  })

  test('an attempt that never learnt whether it began replaces nothing when it begins again', async () => {
    const net = wire()
    net.fate = ({ draft }) => (draft ? 0 : 1)
    const { name, a, b } = await twoTabs()
    const storage = broken()
    let asked = 0
    storage.onTransaction = (transaction, stores, mode) => {
      if (mode === 'readwrite' && stores.join() === 'drafts' && !asked++) loseAnswer(transaction)
    }
    const older = a.drafts.reply.begin('r', header)
    older.append('old')
    await expect.poll(() => stored(name)).toBe('old')
    b.drafts.reply.begin('r', header).append('new')
    await expect.poll(() => stored(name)).toBe('new')
    await expect.poll(() => older.signal.aborted, { timeout: 10_000 }).toBe(true)
    expect(await stored(name)).toBe('new')
  })

  test('a second attempt in the same tab replaces the first', async () => {
    const { name, a } = await twoTabs()
    const first = a.drafts.reply.begin('r', header)
    first.append('one')
    const second = a.drafts.reply.begin('r', header)
    expect(first.signal.aborted).toBe(true)
    second.append('two')
    first.append('!')
    await expect.poll(() => stored(name)).toBe('two')
    expect(textOf(a)).toBe('two')
  })

  test('an attempt is abandoned when its signal aborts', async () => {
    const { a, b } = await twoTabs()
    const leaving = new AbortController()
    const writer = a.drafts.reply.begin('r', header, { signal: leaving.signal })
    writer.append('so far')
    leaving.abort()
    await expect.poll(() => b.drafts.reply.get('r')).toMatchObject({ text: 'so far', state: 'abandoned' })
    writer.append(' and no further')
    await quiet()
    expect([textOf(a), stateOf(a)]).toEqual(['so far', 'abandoned'])
  })
})

describe('rule 2: pieces, hints and the loss in a crash', () => {
  test('pieces are stored by draft, epoch and offset, in their own store', async () => {
    const { name, a } = await twoTabs()
    const writer = a.drafts.reply.begin('r', header)
    writer.append('one ')
    await expect.poll(() => stored(name)).toBe('one ')
    writer.append('two ')
    await expect.poll(() => stored(name)).toBe('one two ')
    writer.append('three')
    await expect.poll(() => stored(name)).toBe('one two three')
    const all = await dump(name, 'drafts')
    const { epoch } = all[0]!.value
    const pieces = all.slice(1).map(({ key }) => key)
    expect(all[0]!.key).toEqual([0, 'reply', 'r', epoch])
    for (const [i, key] of pieces.entries()) expect(key).toEqual([1, 'reply', 'r', epoch, all[i + 1]!.value.offset])
    expect(
      all.reduce((offset, { value }) => {
        expect(value.offset).toBe(offset)
        return offset + value.text.length
      }, 0),
    ).toBe('one two three'.length)
  })

  test('all drafts of a tab together write at most four times a second, and no piece waits longer than 250 ms', async () => {
    const name = freshName()
    const a = await chatTab(name)
    await quiet()
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
    try {
      const seen = traffic()
      const writes = () =>
        seen.transactions.filter(({ mode, stores }) => mode === 'readwrite' && stores.includes('drafts'))
      const writers = ['r', 's', 't'].map((id) => a.drafts.reply.begin(id, header))
      const counts: number[] = []
      let appended = 0
      for (let ms = 0; ms < 10_000; ms += 10) {
        for (const writer of writers) writer.append(String(appended++ % 10))
        vi.advanceTimersByTime(10)
        await later0()
        counts.push(writes().length)
      }
      // Any window of one second.
      for (let i = 100; i < counts.length; i++) expect(counts[i]! - counts[i - 100]!).toBeLessThanOrEqual(4)
      expect(counts.at(-1)).toBeGreaterThan(36)
      const puts = seen.requests.filter((request) => request === 'put drafts').length
      expect(puts).toBe(3 * writes().length)
      // A piece that is not stored yet is younger than that.
      for (const id of ['r', 's', 't']) {
        const text = (await dump(name, 'drafts')).flatMap(({ value }) => (value.id === id ? value.text : [])).join('')
        expect(1000 - text.length).toBeLessThanOrEqual(25)
        expect(a.drafts.reply.get(id)?.text.startsWith(text)).toBe(true)
      }
    } finally {
      vi.useRealTimers()
    }
  })

  test('hints carry offsets and text, and a tab does not read what a hint has brought', async () => {
    const net = wire()
    const { a, b } = await twoTabs()
    const writer = a.drafts.reply.begin('r', header)
    writer.append('a')
    await expect.poll(() => textOf(b)).toBe('a')
    await quiet()
    const seen = traffic()
    for (const part of ['b', 'c', 'd', 'e']) {
      writer.append(part)
      await later(40)
    }
    await expect.poll(() => textOf(b)).toBe('abcde')
    expect(seen.transactions.filter(({ mode, stores }) => mode === 'readonly' && stores.includes('drafts'))).toEqual([])
    const hints = net.sent.flatMap(({ draft }) => (draft?.text ? draft : []))
    expect(hints.map(({ text }) => text).join('')).toBe('abcde')
    for (const [i, { offset }] of hints.entries())
      expect(offset).toBe(hints.slice(0, i).reduce((sum, { text }) => sum + text.length, 0))
  })

  test('a tab that sees a gap reads the store, if hints were lost, doubled or late', async () => {
    const net = wire()
    const { a, b, name } = await twoTabs()
    let n = 0
    net.fate = (message) => (message.draft ? [1, 0, 2, 'hold' as const, 0, 1][n++ % 6]! : 1)
    const writer = a.drafts.reply.begin('r', header)
    let text = ''
    for (let i = 0; i < 60; i++) {
      writer.append(`${i} `)
      text += `${i} `
      await later(5)
      if (i % 20 === 19) net.release((held) => held.reverse())
      expect(text.startsWith(textOf(b) ?? '')).toBe(true)
    }
    await expect.poll(() => stored(name)).toBe(text)
    net.fate = () => 1
    writer.append('.')
    await expect.poll(() => textOf(b)).toBe(`${text}.`)
  })

  test('a tab that opens in the middle shows the whole text, and continues with the hints', async () => {
    const { name, a } = await twoTabs()
    const writer = a.drafts.reply.begin('r', header)
    for (let i = 0; i < 20; i++) {
      writer.append('x')
      await later(10)
    }
    const c = await chatTab(name)
    c.drafts.reply.get('r')
    for (let i = 0; i < 20; i++) {
      writer.append('y')
      await later(10)
    }
    await expect.poll(() => textOf(c)).toBe('x'.repeat(20) + 'y'.repeat(20))
  })

  test('a text that is too large for a hint is read', async () => {
    const { a, b } = await twoTabs()
    const writer = a.drafts.reply.begin('r', header)
    writer.append('first ')
    await expect.poll(() => textOf(b)).toBe('first ')
    const large = 'z'.repeat(100_000)
    writer.append(large)
    await expect.poll(() => textOf(b)?.length, { timeout: 5000 }).toBe(6 + large.length)
    writer.append('!')
    await expect.poll(() => textOf(b)).toBe(`first ${large}!`)
  })

  test('a failed write loses nothing while the writer is alive', async () => {
    const { name, a } = await twoTabs()
    const storage = broken()
    let faults = 2
    storage.onTransaction = (transaction, stores, mode) => {
      if (mode === 'readwrite' && stores.join() === 'drafts' && faults-- > 0) abortWith(transaction, 'UnknownError')
    }
    const writer = a.drafts.reply.begin('r', header)
    writer.append('kept')
    await expect.poll(() => stored(name), { timeout: 10_000 }).toBe('kept')
  })
})

const later0 = async (): Promise<void> => {
  for (let i = 0; i < 12; i++) await new Promise((resolve) => setImmediate(resolve))
}

describe('rule 3: drafts are invisible to everything else', () => {
  test('`read` and `status` keep their identity, no listener of the engine is called, and no command sees a draft', async () => {
    const seen: object[] = []
    const name = freshName()
    const a = await chatTab(name, {}, { deciding: (read) => seen.push(read) })
    const b = await chatTab(name)
    await a.projected()
    await quiet()
    let told = 0
    for (const { subscribe } of [a, b]) subscribe(() => told++)
    const before = [a.read, b.read, a.status, b.status]
    let drafted = 0
    b.drafts.reply.subscribe('r', () => drafted++)
    const writer = a.drafts.reply.begin('r', header)
    for (let i = 0; i < 50; i++) {
      writer.append('x')
      await later(2)
    }
    await expect.poll(() => textOf(b)).toBe('x'.repeat(50))
    expect(drafted).toBeGreaterThan(0)
    expect(told).toBe(0)
    expect([a.read, b.read, a.status, b.status].map((now, i) => now === before[i])).toEqual([true, true, true, true])
    await a.dispatch.add({ id: 'm', text: '' })
    expect(seen.map((read) => Object.getOwnPropertyNames(read))).toEqual([['messages']])
  })

  test('each draft has its own listeners, and `get` returns the same object until the draft changes', async () => {
    const { a } = await twoTabs()
    let told = 0
    const end = a.drafts.reply.subscribe('r', () => told++)
    const other = a.drafts.reply.begin('other', header)
    other.append('x')
    await quiet(50)
    expect(told).toBe(0)
    const writer = a.drafts.reply.begin('r', header)
    writer.append('x')
    expect(a.drafts.reply.get('r')).toBe(a.drafts.reply.get('r'))
    expect(Object.isFrozen(a.drafts.reply.get('r'))).toBe(true)
    await expect.poll(() => told).toBeGreaterThan(0)
    end()
    const before = told
    writer.append('y')
    await quiet(50)
    expect(told).toBe(before)
  })
})

describe('rule 4: end', () => {
  test('the transaction that appends the event deletes the draft', async () => {
    const { name, a } = await twoTabs()
    const writer = a.drafts.reply.begin('r', header)
    writer.append('whole')
    await expect.poll(() => stored(name)).toBe('whole')
    const seen = traffic()
    await writer.end((text) => a.dispatch.add({ id: 'r', text }))
    const written = seen.transactions.filter(({ mode, stores }) => mode === 'readwrite' && !stores.includes('pages'))
    expect(written.map(({ stores }) => [...stores].sort())).toEqual([
      ['commands', 'commits', 'drafts', 'segments', 'types'],
    ])
    expect(await dump(name, 'drafts')).toEqual([])
  })

  test('the draft is deleted even if the answer is a duplicate', async () => {
    const { name, a, b } = await twoTabs()
    const send = (one: Chat, text: string) =>
      one.dispatch.add({ id: 'r', text: text.slice(0, 5) }, { commandId: 'once' })
    await send(b, 'whole')
    const writer = a.drafts.reply.begin('r', header)
    writer.append('whole')
    await expect.poll(() => stored(name)).toBe('whole')
    expect(await writer.end((text) => send(a, text))).toMatchObject({ duplicate: true })
    expect(await dump(name, 'drafts')).toEqual([])
    expect(textOf(a)).toBe(undefined)
    await expect.poll(() => textOf(b)).toBe(undefined)
  })

  test('if the dispatch is rejected, the draft stays, abandoned, and can be ended again', async () => {
    const { name, a, b } = await twoTabs()
    await a.dispatch.add({ id: 'r', text: 'there' })
    const writer = a.drafts.reply.begin('r', header)
    writer.append('whole')
    expect(await outcome(writer.end((text) => a.dispatch.addOnce({ id: 'r', text })))).toMatchObject({
      name: 'CommandRejected',
    })
    expect([textOf(a), stateOf(a), await stored(name)]).toEqual(['whole', 'abandoned', 'whole'])
    await expect.poll(() => stateOf(b)).toBe('abandoned')
    await b.drafts.reply.end('r', (text) => b.dispatch.addOnce({ id: 'r2', text }))
    expect(await dump(name, 'drafts')).toEqual([])
    await expect.poll(() => a.read.messages.get('r2')?.text).toBe('whole')
  })

  test('if its append fails, neither the event nor the deletion is left', async () => {
    const { name, a } = await twoTabs()
    const writer = a.drafts.reply.begin('r', header)
    writer.append('whole')
    const storage = fullDisk()
    expect(await outcome(writer.end((text) => a.dispatch.add({ id: 'r', text })))).toMatchObject({ kind: 'quota' })
    storage.onTransaction = undefined
    expect(await dump(name, 'commits')).toEqual([])
    await expect.poll(() => stateOf(a)).toBe('abandoned')
    expect(textOf(a)).toBe('whole')
  })

  test('an error before the dispatch leaves the draft abandoned', async () => {
    const { a } = await twoTabs()
    const writer = a.drafts.reply.begin('r', header)
    writer.append('whole')
    const mistake = new Error('mistake')
    const failed = writer.end(() => {
      throw mistake
    })
    expect(await outcome(failed)).toBe(mistake)
    expect(stateOf(a)).toBe('abandoned')
  })

  test('a dispatch of another engine does not end the draft', async () => {
    const { name, a } = await twoTabs()
    const other = await chatTab(freshName())
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const writer = a.drafts.reply.begin('r', header)
    writer.append('whole')
    await expect.poll(() => stored(name)).toBe('whole')
    await writer.end((text) => other.dispatch.add({ id: 'r', text }))
    expect(warn.mock.calls.flat().join()).toMatch('dispatched nothing before its first await')
    warn.mockRestore()
    expect(await dump(name, 'drafts')).toEqual([])
  })
})

describe('rule 5: bounds', () => {
  test('a draft has at most 4 MiB, and a larger write changes nothing', async () => {
    const { a } = await twoTabs()
    const writer = a.drafts.reply.begin('r', header)
    writer.append('é'.repeat(2_097_151))
    const error = (() => {
      try {
        return writer.append('abc')
      } catch (error) {
        return error
      }
    })()
    expect(error).toBeInstanceOf(InvalidData)
    expect(error).toMatchObject({ message: expect.stringContaining('4194304 bytes') })
    writer.append('ab')
    expect(textOf(a)?.length).toBe(2_097_153)
    await writer.end((text) => a.dispatch.add({ id: 'r', text }))
    expect(a.read.messages.get('r')?.text.length).toBe(2_097_153)
  })

  test('surrogate pairs are never split, in text, pieces and hints', async () => {
    const net = wire()
    const { name, a, b } = await twoTabs()
    const writer = a.drafts.reply.begin('r', header)
    const whole = '👩‍🚀 says 🎉🎉'
    // Otherwise this throws.
    const isWhole = (text = '') => typeof encodeURIComponent(text) === 'string'
    let shown = ''
    for (let i = 0; i < whole.length; i++) {
      writer.append(whole.charAt(i))
      shown = textOf(a) ?? ''
      expect(isWhole(shown) && whole.startsWith(shown)).toBe(true)
      await later(i % 5 === 0 ? 60 : 1)
      isWhole(textOf(b))
    }
    expect(shown).toBe(whole)
    await expect.poll(() => stored(name)).toBe(whole)
    for (const { value } of await dump(name, 'drafts')) isWhole(value.text)
    for (const { draft } of net.sent) isWhole(draft?.text)
    writer.append('\ud83d')
    await writer.end((text) => a.dispatch.add({ id: 'r', text }))
    expect(a.read.messages.get('r')?.text).toBe(whole)
  })

  test('a full disk drops drafts before pages, and the draft that is written can still be ended', async () => {
    const { name, a } = await twoTabs()
    await a.dispatch.add({ id: 'm', text: '' })
    await a.projected()
    const writer = a.drafts.reply.begin('r', header)
    writer.append('one ')
    await expect.poll(() => stored(name)).toBe('one ')
    writer.append('two ')
    await expect.poll(() => stored(name)).toBe('one two ')
    const storage = broken()
    let full = 1
    storage.onTransaction = (transaction, stores, mode) => {
      if (isAppend(stores, mode) && full-- > 0) abortWith(transaction, 'QuotaExceededError')
    }
    await a.dispatch.add({ id: 'n', text: '' })
    expect(await stored(name)).toBe('one ')
    expect((await dump(name, 'pages')).length).toBeGreaterThan(0)
    writer.append('three')
    await quiet()
    expect(textOf(a)).toBe('one two three')
    await writer.end((text) => a.dispatch.add({ id: 'r', text }))
    expect(a.read.messages.get('r')?.text).toBe('one two three')
    expect(await dump(name, 'drafts')).toEqual([])
  })

  test('drafts are not exported, and are deleted with the log', async () => {
    const { name, a } = await twoTabs()
    await a.dispatch.add({ id: 'm', text: 'message' })
    const before = await new Response(await exportLog(a)).text()
    const writer = a.drafts.reply.begin('r', header)
    writer.append('not for export')
    await expect.poll(() => stored(name)).toBe('not for export')
    const after = await new Response(await exportLog(a)).text()
    expect(after).toBe(before)
    await destroy(a)
    const again = await chatTab(name)
    expect(await again.drafts.reply.list()).toEqual([])
  })

  test('a header is a JSON object without reserved names, and an id is a string', async () => {
    const { a } = await twoTabs()
    const begin = (id: any, given: any) => () => a.drafts.reply.begin(id, given)
    expect(begin('', header)).toThrow(InvalidData)
    expect(begin(1, header)).toThrow('the id of a draft is a string')
    expect(begin('r', [])).toThrow('the header of a draft is an object')
    expect(begin('r', { when: new Date() })).toThrow(InvalidData)
    expect(begin('r', { text: 'x' })).toThrow('can\'t have "text"')
    expect(() => a.drafts.note.begin('n', {}).append(undefined as never)).toThrow('a draft takes text')
  })
})
