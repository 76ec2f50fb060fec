import { openEngine } from 'tidemark'
import { expect, test } from 'vitest'
import { openCore } from '../../src/engine/tools/openCore.ts'
import { type AnyModel, openDatabase, seal } from '../log/rooms.ts'
import { abortWith, deleteDatabase, dump, holdAnswer, inDatabase, isAppend, loseAnswer } from '../log/storage.ts'
import { createPipeline } from '../projections/rooms.ts'
import { wire } from './channel.ts'
import { broken, logId, quiet, ranges, type Tab, tab, theLog, traffic } from './kit.ts'
import { collect, freshName, later, newerApp, outcome, shown, todoApp } from './todos.ts'

/** Blocks the page, as a command does that takes its time. */
const spin = (milliseconds: number): void => {
  for (const until = performance.now() + milliseconds; performance.now() < until; );
}
const sealAll = async (name: string, events: number): Promise<void> => {
  const database = await openDatabase(name, false)
  expect(await seal(database, events, events)).toBe(true)
  database.close()
}
const titles = ({ read }: Tab): string[] => read.todos.all().map(({ title }) => title)

test('rule 1: a record is applied whole: nobody ever sees half a command', async () => {
  const name = freshName()
  const [a, b] = [await tab(name), await tab(name)]
  const seen = new Set<number>()
  b.subscribe(() => seen.add(b.read.todos.size).add(b.status.sequence))
  for (let i = 0; i < 10; i++) await a.dispatch.addMany({ ids: Array.from({ length: 10 }, (_, n) => `${i}-${n}`) })
  await expect.poll(() => b.status.sequence).toBe(100)
  for (const size of seen) expect(size % 10).toBe(0)
})

test('rule 1: checkpoints stand at ends of records, also in the middle of a failed one', async () => {
  const name = freshName()
  const a = await tab(name)
  const b = await tab(name, { version: 2, poison: 'q' })
  await a.dispatch.addMany({ ids: ['a', 'b'] })
  await a.dispatch.addMany({ ids: ['p', 'q', 'r'] })
  await a.dispatch.addMany({ ids: ['x', 'y'] })
  await expect.poll(() => b.status.sequence).toBe(7)
  await Promise.all([a.projected(), b.projected()])
  for (const { value } of await dump(name, 'checkpoints')) expect([2, 7]).toContain(value.sequence)
  expect(b.read.titles.all().map(({ title }) => title)).toEqual(['a', 'b'])
  expect(b.status.projections.titles).toMatchObject({ state: 'failed', sequence: 4 })
})

test('rule 2: a lost race leaves nothing behind and is decided and appended again', async () => {
  const name = freshName()
  wire().fate = () => 0
  const [a, b] = [await tab(name), await tab(name)]
  await a.dispatch.number()
  const receipt = await b.dispatch.number(undefined, { commandId: 'late' })
  expect(receipt).toMatchObject({ sequence: 2, duplicate: false, events: [{ sequence: 2, data: { title: '1' } }] })
  expect(await dump(name, 'commands')).toMatchObject([{ key: 'late', value: { sequence: 2 } }])
  expect(titles(b)).toEqual(['0', '1'])
})

test("rule 2: a caller's id that the log knows is answered from there, and its neighbours are appended", async () => {
  const name = freshName()
  wire().fate = () => 0
  const [a, b] = [await tab(name), await tab(name)]
  const first = await a.dispatch.add({ id: 'x', title: 'x' }, { commandId: 'one' })
  const [again, other] = await Promise.all([
    b.dispatch.add({ id: 'x', title: 'x' }, { commandId: 'one' }),
    b.dispatch.add({ id: 'y', title: 'y' }),
  ])
  expect(again).toEqual({ ...first, duplicate: true })
  expect(other).toMatchObject({ sequence: 2, duplicate: false })
  expect(titles(b)).toEqual(['x', 'y'])
  expect(await ranges(name)).toEqual([[1, 2]])
})

test('rule 3: a command id that only a record below the newest segment claims does not count', async () => {
  const name = freshName()
  const a = await tab(name)
  for (let i = 0; i < 6; i++) await a.dispatch.add({ title: `t${i}` })
  const database = await openDatabase(name, false)
  expect(await seal(database, 6, 6)).toBe(true)
  database.close()
  await inDatabase(name, (store) => {
    store('commits').put({ id: 'stale', first: 3, last: 3, body: '[]' }, 3)
    store('commands').put({ sequence: 3, commit: 'stale', fingerprint: 'f' }, 'mine')
  })
  expect(await a.dispatch.add({ title: 'mine' }, { commandId: 'mine' })).toMatchObject({
    sequence: 7,
    duplicate: false,
  })
  expect(await a.dispatch.add({ title: 'mine' }, { commandId: 'mine' })).toMatchObject({ sequence: 7, duplicate: true })
})

test('hazard 18: a stale tab whose head was sealed catches up through the segment and appends after it', async () => {
  const name = freshName()
  wire().fate = () => 0
  const [a, b] = [await tab(name), await tab(name)]
  for (let i = 0; i < 20; i++) await a.dispatch.add({ title: `t${i}` })
  await sealAll(name, 20)
  expect(await b.dispatch.number(undefined, { commandId: 'id' })).toMatchObject({ sequence: 21, duplicate: false })
  expect(shown(b).count).toBe(21)
  expect(await ranges(name)).toEqual([[21, 21]])
  expect(await dump(name, 'commands')).toMatchObject([{ value: { sequence: 21 } }])
})

test('rule 4: one tab writes back to back, one decides slowly: both make progress', async () => {
  const name = freshName()
  const busy = await tab(name)
  const slow = await tab(name, { deciding: () => spin(5) })
  let stop = false
  let written = 0
  const writing = (async () => {
    while (!stop) {
      await busy.dispatch.add({ title: `busy ${written}` })
      written++
    }
  })()
  for (let i = 0; i < 5; i++) {
    const before = written
    await slow.dispatch.add({ title: `slow ${i}` })
    expect(written - before).toBeLessThan(60)
  }
  const before = written
  await expect.poll(() => written).toBeGreaterThan(before)
  stop = true
  await writing
  await expect.poll(() => busy.status.sequence).toBe(written + 5)
  const all = await collect(busy.history())
  expect(all.map(({ sequence }) => sequence)).toEqual(Array.from({ length: written + 5 }, (_, i) => i + 1))
})

test('rule 4: a slow command that says no is not starved either', async () => {
  const name = freshName()
  const busy = await tab(name)
  const slow = await tab(name, { deciding: () => spin(5) })
  let stop = false
  let written = 0
  const writing = (async () => {
    while (!stop) {
      await busy.dispatch.add({ title: 'busy' })
      written++
    }
  })()
  for (let i = 0; i < 3; i++) {
    const before = written
    await expect(slow.dispatch.refuse()).rejects.toMatchObject({ code: 'no' })
    expect(written - before).toBeLessThan(60)
  }
  stop = true
  await writing
})

test('rule 4: after two lost races a command is decided inside the appending transaction', async () => {
  const name = freshName()
  wire().fate = () => 0
  const rival = await tab(name)
  let decisions = 0
  const b = await tab(name, { deciding: () => decisions++ })
  const watched = traffic()
  for (let i = 0; i < 3; i++) await rival.dispatch.add({ title: 'rival' })
  const sent = b.dispatch.add({ title: 'mine' })
  const rivals: Promise<unknown>[] = []
  // Whenever b has caught up, the rival appends first.
  b.subscribe(() => {
    if (b.status.pending && rivals.length < 10) rivals.push(rival.dispatch.add({ title: 'rival' }))
  })
  await sent
  await Promise.all(rivals)
  expect(decisions).toBeLessThanOrEqual(8)
  expect(watched.requests.filter((one) => one === 'getAll commits').length).toBeGreaterThan(0)
  const c = await tab(name)
  expect(titles(c).filter((title) => title === 'mine')).toHaveLength(1)
})

test('rule 4: whose tail is sealed catches up first, though another command has lost races too', async () => {
  const name = freshName()
  wire().fate = () => 0
  const [a, b] = [await tab(name), await tab(name)]
  for (let i = 0; i < 20; i++) await a.dispatch.add({ title: `t${i}` })
  await sealAll(name, 20)
  const sent = b.dispatch.add({ title: 'mine' })
  const refused = outcome(b.dispatch.refuse())
  // What the first rounds of a busy log leave; the one that says no waits behind the other and is in no transaction with it.
  for (const one of openCore(b).pending) one.tries = { ...one.tries, races: 2 }
  expect(await sent).toMatchObject({ sequence: 21 })
  expect(await refused).toMatchObject({ code: 'no' })
})

test('rule 5: an append that committed without an answer is found in the log and not appended again', async () => {
  const name = freshName()
  const a = await tab(name)
  await a.dispatch.add({ title: 'first' })
  let lost = 0
  broken().onTransaction = (transaction, stores, mode) => {
    if (isAppend(stores, mode) && !lost++) loseAnswer(transaction)
  }
  const receipt = await a.dispatch.add({ id: 'x', title: 'x' })
  expect(receipt).toMatchObject({ sequence: 2, duplicate: false, events: [{ sequence: 2, data: { id: 'x' } }] })
  expect(titles(a)).toEqual(['first', 'x'])
  expect(await ranges(name)).toEqual([[1, 2]])
  expect((await dump(name, 'commits')).length).toBe(2)
})

test("rule 5: the same with a caller's id, in a group, and while another tab appends: each once, none a duplicate", async () => {
  const name = freshName()
  const [a, b] = [await tab(name), await tab(name)]
  let lost = 0
  broken().onTransaction = (transaction, stores, mode) => {
    if (isAppend(stores, mode) && lost++ < 2) loseAnswer(transaction)
  }
  const receipts = await Promise.all([
    a.dispatch.add({ title: '1' }, { commandId: 'one' }),
    a.dispatch.add({ title: '2' }, { commandId: 'two' }),
    a.dispatch.add({ title: '3' }),
    b.dispatch.add({ title: '4' }),
  ])
  expect(receipts.map(({ duplicate }) => duplicate)).toEqual([false, false, false, false])
  expect(receipts.map(({ sequence }) => sequence).sort()).toEqual([1, 2, 3, 4])
  await expect.poll(() => [a.status.sequence, b.status.sequence]).toEqual([4, 4])
  expect(titles(a)).toEqual(titles(b))
  expect(await ranges(name)).toEqual([[1, 4]])
})

test('rule 5: an append that was aborted without a reason is tried again', async () => {
  const name = freshName()
  const a = await tab(name)
  let times = 0
  broken().onTransaction = (transaction, stores, mode) => {
    if (isAppend(stores, mode) && times++ < 2) abortWith(transaction, 'UnknownError')
  }
  expect(await a.dispatch.add({ title: 'x' })).toMatchObject({ sequence: 1, duplicate: false })
  expect(await ranges(name)).toEqual([[1, 1]])
})

test('rule 5: if the outcome stays unreadable, the dispatch says so: StorageError unknown', async () => {
  const name = freshName()
  const a = await tab(name)
  const fault = broken()
  let sent = false
  fault.onTransaction = (transaction, stores, mode) => {
    if (isAppend(stores, mode)) {
      sent = true
      loseAnswer(transaction)
    } else if (sent && stores.includes('commits')) abortWith(transaction, 'UnknownError')
  }
  await expect(a.dispatch.add({ title: 'x' }, { commandId: 'id' })).rejects.toMatchObject({
    name: 'StorageError',
    kind: 'unknown',
  })
  fault.onTransaction = undefined
  expect(await a.dispatch.add({ title: 'x' }, { commandId: 'id' })).toMatchObject({ sequence: 1, duplicate: true })
  expect(titles(a)).toEqual(['x'])
  expect(await ranges(name)).toEqual([[1, 1]])
})

test('rule 5: the own commit arrives as a hint before its transaction is reported complete', async () => {
  const name = freshName()
  const net = wire()
  const a = await tab(name)
  let tell = (): void => {}
  const until = new Promise<void>((resolve) => (tell = resolve))
  let held = 0
  broken().onTransaction = (transaction, stores, mode) => {
    if (isAppend(stores, mode) && !held++) holdAnswer(transaction, until)
  }
  const sent = a.dispatch.add({ title: 'x' })
  await expect.poll(() => dump(name, 'commits').then(({ length }) => length)).toBe(1)
  const [commit] = await dump(name, 'commits')
  net.say(name, { log: await logId(name), commit: commit!.value })
  await later(20)
  tell()
  expect(await sent).toMatchObject({ sequence: 1, duplicate: false })
  expect(titles(a)).toEqual(['x'])
  expect(a.status).toMatchObject({ sequence: 1, pending: 0 })
  expect(await ranges(name)).toEqual([[1, 1]])
})

test('rule 5: an id that is pending in this tab joins that promise', async () => {
  const name = freshName()
  const a = await tab(name)
  const input = { id: 'x', title: 'x' }
  const [first, second] = await Promise.all([
    a.dispatch.addOnce(input, { commandId: 'id' }),
    a.dispatch.addOnce({ title: 'x', id: 'x' }, { commandId: 'id' }),
  ])
  expect(first.duplicate).toBe(false)
  expect(second).toEqual({ ...first, duplicate: true })
  expect(await ranges(name)).toEqual([[1, 1]])
})

test('rule 5: a joined command is taken back only when all who wait for it have taken it back', async () => {
  const name = freshName()
  const a = await tab(name)
  const busy = a.dispatch.add({ title: 'busy' })
  const [x, y] = [new AbortController(), new AbortController()]
  await Promise.resolve()
  const one = outcome(a.dispatch.add({ title: 'x' }, { commandId: 'id', signal: x.signal }))
  const two = outcome(a.dispatch.add({ title: 'x' }, { commandId: 'id', signal: y.signal }))
  x.abort('x')
  expect(titles(a)).toContain('x')
  y.abort('y')
  expect(titles(a)).toEqual(['busy'])
  expect(await one).toBe('x')
  expect(await two).toBe('y')
  await busy
  expect(await ranges(name)).toEqual([[1, 1]])
})

test('rule 5: pending with other input waits: a conflict if the first was appended, else decided normally', async () => {
  const name = freshName()
  const a = await tab(name)
  const first = a.dispatch.add({ title: 'x' }, { commandId: 'id' })
  const second = outcome(a.dispatch.add({ title: 'y' }, { commandId: 'id' }))
  expect(await first).toMatchObject({ sequence: 1 })
  expect(await second).toMatchObject({ name: 'CommandIdConflict', commandId: 'id' })
  const rejected = outcome(a.dispatch.toggle({ id: 'none' }, { commandId: 'other' }))
  const third = a.dispatch.add({ title: 'z' }, { commandId: 'other' })
  expect(await rejected).toMatchObject({ code: 'todo-not-found' })
  expect(await third).toMatchObject({ sequence: 2, duplicate: false })
})

test('rule 6: what waits while a transaction is in flight goes into the next record together', async () => {
  const name = freshName()
  const a = await tab(name)
  const first = a.dispatch.add({ title: '0' })
  await Promise.resolve()
  await Promise.resolve()
  const rest = Array.from({ length: 50 }, (_, i) => a.dispatch.add({ title: String(i + 1) }))
  const receipts = await Promise.all([first, ...rest])
  expect(receipts.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 51 }, (_, i) => i + 1))
  expect((await dump(name, 'commits')).length).toBeLessThanOrEqual(2)
})

test('rule 6: a group is bounded in bytes', async () => {
  const name = freshName()
  const a = await tab(name)
  const title = 'x'.repeat(300_000)
  await Promise.all(Array.from({ length: 12 }, () => a.dispatch.add({ title })))
  const sizes = (await dump(name, 'commits')).map(({ value }) => value.body.length)
  expect(sizes.length).toBeGreaterThan(2)
  for (const size of sizes) expect(size).toBeLessThan(2_000_000)
})

test('rule 6: one command that IndexedDB refuses does not reject its neighbours', async () => {
  const name = freshName()
  const a = await tab(name)
  broken().onWrite = (store, value, _, transaction) => {
    if (store === 'commits' && value.body.includes('oversized')) abortWith(transaction, 'QuotaExceededError')
  }
  const all = await Promise.all(
    Array.from({ length: 20 }, (_, i) => outcome(a.dispatch.add({ title: i === 7 ? 'oversized' : `t${i}` }))),
  )
  expect(all.filter((one) => one instanceof Error)).toHaveLength(1)
  expect(all[7]).toMatchObject({ name: 'StorageError', kind: 'quota' })
  expect(titles(a)).not.toContain('oversized')
  expect(a.read.todos.size).toBe(19)
  expect(await ranges(name)).toEqual([[1, 19]])
})

test('rule 6: a command that can not be decided does not reject its neighbours, and they are decided without it', async () => {
  const name = freshName()
  const a = await tab(name, { poison: 'poison' })
  const all = await Promise.all(
    ['a', 'poison', 'b']
      .map((title) => outcome(a.dispatch.add({ id: title, title })))
      .concat(outcome(a.dispatch.addOnce({ id: 'poison', title: 'c' }))),
  )
  expect(all[1]).toMatchObject({ name: 'RangeError' })
  expect(all[3]).toMatchObject({ sequence: 3 })
  expect(titles(a)).toEqual(['a', 'b', 'c'])
})

test('rule 6: the strictest durability in a group wins', async () => {
  const name = freshName()
  const a = await tab(name)
  const watched = traffic()
  const appends = () =>
    watched.transactions.filter(({ stores, mode }) => isAppend(stores, mode)).map(({ durability }) => durability)
  await a.dispatch.add({ title: 'x' })
  expect(appends()).toEqual(['relaxed'])
  await a.dispatch.add({ title: 'x' }, { durability: 'strict' })
  expect(appends()).toEqual(['relaxed', 'strict'])
  await Promise.all([a.dispatch.add({ title: 'y' }), a.dispatch.add({ title: 'z' }, { durability: 'strict' })])
  expect(appends()).toEqual(['relaxed', 'strict', 'strict'])
})

test('rule 6: a strict dispatch answered by a relaxed commit settles after a strict transaction', async () => {
  const name = freshName()
  const a = await tab(name)
  await a.dispatch.add({ title: 'x' }, { commandId: 'id' })
  const watched = traffic()
  const again = await a.dispatch.add({ title: 'x' }, { commandId: 'id', durability: 'strict' })
  expect(again.duplicate).toBe(true)
  // Not simply the last one: the pipeline may write its pages by now. Before it, a strict append was refused.
  const strict = watched.transactions.filter(({ durability }) => durability === 'strict')
  expect(strict.at(-1)).toMatchObject({ stores: ['meta'], mode: 'readwrite' })
  expect(watched.requests.filter((one) => /^(put|add) /.test(one)).length).toBeGreaterThan(0)
})

test("rule 6: a strict dispatch whose flush fails says 'unknown', because its command is in the log", async () => {
  const name = freshName()
  const a = await tab(name)
  await a.dispatch.add({ title: 'x' }, { commandId: 'id' })
  const fault = broken()
  fault.onWrite = (store, _, key, transaction) => {
    if (store === 'meta' && key === 'flushed') abortWith(transaction, 'UnknownError')
  }
  const again = () => a.dispatch.add({ title: 'x' }, { commandId: 'id', durability: 'strict' })
  await expect(again()).rejects.toMatchObject({ name: 'StorageError', kind: 'unknown' })
  fault.onWrite = undefined
  expect(await again()).toMatchObject({ sequence: 1, duplicate: true })
})

test("rule 7: a rejection is decided at the log's head, not on a stale view", async () => {
  const name = freshName()
  wire().fate = () => 0
  const [a, b] = [await tab(name), await tab(name)]
  await a.dispatch.add({ id: 'x', title: 'x' })
  expect(b.read.todos.has('x')).toBe(false)
  expect(await b.dispatch.toggle({ id: 'x' })).toMatchObject({ sequence: 2 })
  await expect(b.dispatch.toggle({ id: 'y' })).rejects.toMatchObject({ code: 'todo-not-found' })
})

test('rule 7: nothing is rejected because of a pending command that then fails', async () => {
  const name = freshName()
  const a = await tab(name)
  broken().onWrite = (store, value, _, transaction) => {
    if (store === 'commits' && value.body.includes('fails')) abortWith(transaction, 'QuotaExceededError')
  }
  const [fails, follows] = await Promise.all([
    outcome(a.dispatch.addOnce({ id: 'x', title: 'fails' })),
    outcome(a.dispatch.addOnce({ id: 'x', title: 'follows' })),
  ])
  expect(fails).toMatchObject({ kind: 'quota' })
  expect(follows).toMatchObject({ sequence: 1 })
  expect(titles(a)).toEqual(['follows'])
})

test("rule 7: with a caller's id the log answers, not the rejection that its own first event causes", async () => {
  const name = freshName()
  const [a, b] = [await tab(name), await tab(name)]
  const input = { id: 'x', title: 'x' }
  const first = await a.dispatch.addOnce(input, { commandId: 'id' })
  await expect.poll(() => b.status.sequence).toBe(1)
  expect(await b.dispatch.addOnce(input, { commandId: 'id' })).toEqual({ ...first, duplicate: true })
  await expect(b.dispatch.addOnce(input, { commandId: 'new' })).rejects.toMatchObject({ code: 'taken' })
})

test('rule 7: an empty decision says at which head it was made', async () => {
  const name = freshName()
  wire().fate = () => 0
  const [a, b] = [await tab(name), await tab(name)]
  await a.dispatch.addMany({ ids: ['x', 'y', 'z'] })
  expect(await b.dispatch.clearDone()).toMatchObject({ sequence: 3, events: [], duplicate: false })
  expect(b.status.sequence).toBe(3)
})

test('rule 7: a stream of appends does not keep a rejection waiting', async () => {
  const name = freshName()
  const a = await tab(name)
  let stop = false
  const writing = (async () => {
    while (!stop) await a.dispatch.add({ title: 'x' })
  })()
  for (let i = 0; i < 5; i++)
    await expect(a.dispatch.toggle({ id: 'none' })).rejects.toMatchObject({ code: 'todo-not-found' })
  stop = true
  await writing
})

test('rule 7: pending commands are decided again once, at the end of a catch-up, which publishes once per slice', async () => {
  const name = freshName()
  const net = wire()
  net.fate = () => 0
  const a = await tab(name)
  let decisions = 0
  const b = await tab(name, { deciding: () => decisions++ })
  for (let i = 0; i < 300; i++) await a.dispatch.add({ title: `t${i}` })
  let told = 0
  b.subscribe(() => told++)
  const receipt = await b.dispatch.number()
  expect(receipt.sequence).toBe(301)
  decisions = 0
  const sent = a.dispatch.addMany({ ids: Array.from({ length: 500 }, (_, i) => `n${i}`) })
  await sent
  await b.dispatch.add({ title: 'mine' })
  // Decided at the call, and after the lost race.
  expect(decisions).toBe(2)
  expect(told).toBeLessThan(40)
})

test('rule 9: hints of another log are ignored, whatever numbers they carry', async () => {
  const name = freshName()
  const net = wire()
  const a = await tab(name)
  await a.dispatch.add({ title: 'x' })
  const [commit] = await dump(name, 'commits')
  const forged = { ...commit!.value, id: 'forged', first: 2, last: 2 }
  net.say(name, { log: 'another', commit: forged })
  net.say(name, { log: 'another', head: 100 })
  net.say(name, 'garbage')
  net.say(name, null)
  net.say(name, { log: await logId(name), commit: 'garbage' })
  net.say(name, { log: await logId(name), commit: { ...forged, last: 0 } })
  await later(20)
  expect(a.status).toMatchObject({ sequence: 1, state: 'ready' })
  expect(titles(a)).toEqual(['x'])
})

test('rule 9: hints carry log id and the stored record, and are sent after complete', async () => {
  const name = freshName()
  const net = wire()
  const a = await tab(name)
  let tell = (): void => {}
  const until = new Promise<void>((resolve) => (tell = resolve))
  broken().onTransaction = (transaction, stores, mode) => {
    if (isAppend(stores, mode)) holdAnswer(transaction, until)
  }
  const sent = a.dispatch.add({ title: 'x' })
  await expect.poll(() => dump(name, 'commits').then(({ length }) => length)).toBe(1)
  expect(net.sent.filter((one) => 'commit' in one)).toEqual([])
  tell()
  await sent
  const [commit] = await dump(name, 'commits')
  expect(net.sent.filter((one) => 'commit' in one)).toEqual([{ log: await logId(name), commit: commit!.value }])
})

test('rule 9: a commit too large for a message is announced by its number', async () => {
  const name = freshName()
  const net = wire()
  const [a, b] = [await tab(name), await tab(name)]
  await a.dispatch.addMany({ ids: Array.from({ length: 20 }, (_, i) => `${i}`.repeat(30_000)) })
  await expect.poll(() => b.status.sequence).toBe(20)
  for (const message of net.sent) expect(JSON.stringify(message).length).toBeLessThan(500_000)
})

test('rule 10: a database deleted and made anew under a live tab: log replaced, and nothing is written to it', async () => {
  const name = freshName()
  const a = await tab(name)
  await a.dispatch.add({ title: 'x' })
  await a.projected()
  await deleteDatabase(name)
  const b = await tab(name)
  const error = await outcome(a.dispatch.add({ title: 'y' }))
  expect(error).toMatchObject({ name: 'EngineClosed', reason: 'log replaced' })
  expect(a.status.state).toBe('closed')
  expect(titles(a)).toEqual(['x'])
  await expect(a.dispatch.add({ title: 'z' })).rejects.toMatchObject({ reason: 'log replaced' })
  expect(await dump(name, 'commits')).toEqual([])
  expect(await b.dispatch.add({ title: 'new' })).toMatchObject({ sequence: 1 })
})

test('rule 10: a database deleted under a live tab is not created again by it', async () => {
  const name = freshName()
  const a = await tab(name)
  await a.dispatch.add({ title: 'x' })
  await deleteDatabase(name)
  await expect(a.dispatch.add({ title: 'y' })).rejects.toMatchObject({ name: 'EngineClosed', reason: 'log replaced' })
  await quiet()
  expect((await indexedDB.databases()).map((one) => one.name)).not.toContain(`tidemark:${name}`)
})

test('rule 14: two deploys, one with a new handler under the old version, keep rows of their own', async () => {
  const name = freshName()
  const a = await tab(name)
  const newer = await openEngine(newerApp(), { name })
  await a.dispatch.add({ id: 'x', title: 'x' })
  await expect.poll(() => newer.status.sequence).toBe(1)
  await Promise.all([a.projected(), newer.projected()])
  const identities = (await dump(name, 'checkpoints')).map(({ value }) => value.identity)
  expect(identities.filter((one: string) => one.startsWith('todos@'))).toHaveLength(2)
  await Promise.all([a.close(), newer.close()])
  expect((await tab(name)).read.todos.all()).toEqual([{ id: 'x', title: 'x', done: false }])
  const again = await openEngine(newerApp(), { name })
  expect(again.read.todos.all()).toEqual([{ id: 'x', title: 'x', starred: false }])
  await again.close()
})

test('rule 17: an unknown type in `types` is outdated before the first fold', async () => {
  const name = freshName()
  const newer = await openEngine(newerApp(), { name })
  await newer.dispatch.star({ id: 'x' })
  await newer.projected()
  await newer.close()
  const old = await tab(name)
  expect(old.status).toMatchObject({ state: 'outdated', lastError: { type: 'todoStarred', version: 1 } })
  expect(shown(old)).toEqual({ todos: [], titles: [], count: 0 })
  await quiet()
  expect(
    (await dump(name, 'checkpoints')).map(({ value }) => value.identity).filter((one) => one.startsWith('titles')),
  ).toEqual([])
})

test('rule 19: after a quota error derived pages are dropped, never the log, and none is written until an append succeeds', async () => {
  const name = freshName()
  const a = await tab(name)
  for (let i = 0; i < 5; i++) await a.dispatch.add({ title: `t${i}` })
  await a.projected()
  const log = (await theLog(name)) as unknown[]
  let full = true
  const fault = broken()
  const pageWrites: string[] = []
  fault.onTransaction = (transaction, stores, mode) => {
    if (full && isAppend(stores, mode)) abortWith(transaction, 'QuotaExceededError')
  }
  fault.onWrite = (store) => {
    if (full && store === 'pages') pageWrites.push(store)
  }
  await expect(a.dispatch.add({ title: 'no room' })).rejects.toMatchObject({ name: 'StorageError', kind: 'quota' })
  expect(a.status.lastError).toMatchObject({ kind: 'quota' })
  expect(await dump(name, 'pages')).toEqual([])
  expect(await theLog(name)).toEqual(log)
  expect(a.read.todos.size).toBe(5)
  await quiet()
  expect(pageWrites).toEqual([])
  const b = await tab(name)
  expect(shown(b)).toEqual(shown(a))
  await quiet()
  expect(pageWrites).toEqual([])
  full = false
  expect(await a.dispatch.add({ title: 'room' })).toMatchObject({ sequence: 6 })
  await expect.poll(() => dump(name, 'pages').then(({ length }) => length), { timeout: 4000 }).toBeGreaterThan(0)
  await a.projected()
  const c = await tab(name)
  expect(shown(c)).toEqual(shown(a))
}, 15_000)

test('rule 19: quota met while pages are written costs no dispatch', async () => {
  const name = freshName()
  const a = await tab(name)
  let met = 0
  broken().onWrite = (store, _, __, transaction) => {
    if (store !== 'pages') return
    met++
    abortWith(transaction, 'QuotaExceededError')
  }
  for (let i = 0; i < 5; i++) await a.dispatch.add({ title: `t${i}` })
  await expect.poll(() => met).toBeGreaterThan(0)
  expect(await a.dispatch.add({ title: 'still' })).toMatchObject({ sequence: 6 })
  expect(a.status.state).toBe('ready')
  const b = await tab(name)
  expect(shown(b)).toEqual(shown(a))
})

test('rule 17: rows that a newer build folded are not taken for own ones, by tab or pipeline, though nothing is left to read', async () => {
  const name = freshName()
  const a = await tab(name)
  await a.dispatch.add({ id: 'x', title: 'x' })
  await a.projected()
  await a.close()
  // What a newer build's append leaves once its worker has moved every checkpoint to the head.
  await inDatabase(name, (store) => void store('types').put({ type: 'todoStarred', version: 1 }, ['todoStarred', 1]))
  const before = [await dump(name, 'checkpoints'), await theLog(name)]
  const old = await tab(name)
  expect(old.status).toMatchObject({ state: 'outdated', lastError: { name: 'OutdatedCodeError', type: 'todoStarred' } })
  await expect(old.dispatch.add({ title: 'no' })).rejects.toMatchObject({ name: 'OutdatedCodeError' })
  const pipeline = await createPipeline(todoApp() as unknown as AnyModel, name)
  await expect(pipeline.flush()).rejects.toMatchObject({ name: 'OutdatedCodeError' })
  await pipeline.close()
  expect([await dump(name, 'checkpoints'), await theLog(name)]).toEqual(before)
})
