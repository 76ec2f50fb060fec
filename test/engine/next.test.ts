import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { afterArrival, afterError, afterLoss, dismiss } from '../../src/engine/afterwards.ts'
import { LOST_RACES, type NextStep, next } from '../../src/engine/next.ts'
import { succeed } from '../../src/engine/pending.ts'
import { rebase, stop, type Trouble } from '../../src/engine/tab.ts'
import { CorruptLog, EngineClosed, ModelError, OutdatedCodeError, StorageError } from '../../src/errors.ts'
import { type Loop, loop, put } from './loop.ts'

const trouble = (until: number): Trouble => ({ since: 0, error: new Error('x'), tries: 1, last: 0, until })
const contended = { races: LOST_RACES }

describe('what a tab does next', () => {
  test.each<[string, (made: Loop) => unknown, NextStep['do'], number?]>([
    ['with nothing to do: it rests', () => {}, 'rest'],
    ['told that the log is ahead: it reads', ({ tab }) => (tab.behind = true), 'read'],
    ['with a command: it appends', ({ send }) => send('count'), 'append'],
    ['with a refusal: it settles that at the head', ({ send }) => send('refuse'), 'settle'],
    ['with a command that gives nothing: it settles that at the head', ({ send }) => send('nothing'), 'settle'],
    ['behind, with a command: it reads first', ({ tab, send }) => [send('count'), (tab.behind = true)], 'read'],
    ['with a refusal before a command: it appends first', ({ send }) => [send('refuse'), send('count')], 'append'],
    [
      'with a refusal before a command, after an append: the refusal has its turn',
      ({ tab, send }) => [send('refuse'), send('count'), (tab.appended = true)],
      'settle',
    ],
    [
      'with a refusal behind a command, after an append: the refusal depends on the command',
      ({ tab, send }) => [send('count'), send('refuse'), (tab.appended = true)],
      'append',
    ],
    [
      'after two lost races: it decides inside',
      ({ send }) => put(send('count'), 'waiting', contended),
      'decide inside',
    ],
    [
      'after two lost races, behind: it decides inside, which reads',
      ({ tab, send }) => [put(send('count'), 'waiting', contended), (tab.behind = true)],
      'decide inside',
    ],
    ['with an open outcome: it reads', ({ send }) => put(send('count'), 'unsure'), 'read'],
    [
      'with an open outcome and another command that lost races: it reads',
      ({ send }) => [put(send('count'), 'unsure'), put(send('count'), 'waiting', contended)],
      'read',
    ],
    ['in trouble: it waits', ({ tab }) => (tab.trouble = trouble(10)), 'wait', 9],
    [
      'in trouble, with commands of every kind: it waits',
      ({ tab, send }) => {
        put(send('count'), 'unsure')
        put(send('count'), 'waiting', contended)
        send('refuse')
        tab.behind = true
        tab.trouble = trouble(10)
      },
      'wait',
      9,
    ],
    [
      'with a command whose appends failed: it waits',
      ({ tab, send }) => [send('count'), (tab.appendFrom = 10)],
      'wait',
      9,
    ],
    [
      'with a command whose appends failed, when its time has come: it appends',
      ({ tab, send }) => [send('count'), (tab.appendFrom = 10)],
      'append',
      10,
    ],
    [
      'with a refusal, though appends failed: it settles that at the head',
      ({ tab, send }) => [send('refuse'), (tab.appendFrom = 10)],
      'settle',
      9,
    ],
    ['in trouble, when its time has come: it reads', ({ tab }) => (tab.trouble = trouble(10)), 'read', 10],
    [
      'in trouble, when its time has come, with lost races: it reads, to know that the trouble is over',
      ({ tab, send }) => [put(send('count'), 'waiting', contended), (tab.trouble = trouble(10))],
      'read',
      10,
    ],
    ['on a full disk: it makes room', ({ tab, send }) => (tab.full = send('count')), 'make room'],
    [
      'on a full disk, whose command was taken back: it rests',
      ({ tab, send }) => {
        tab.full = send('count')
        put(tab.full, 'settled')
        tab.pending.pop()
      },
      'rest',
    ],
    ['ended: it rests, though the log is ahead', ({ tab }) => [(tab.behind = true), (tab.state = 'outdated')], 'rest'],
    [
      'ended, with an open outcome: it reads',
      ({ tab, send }) => [put(send('count'), 'unsure'), (tab.state = 'closed')],
      'read',
    ],
    [
      'ended, with an open outcome, in trouble: it reads at once',
      ({ tab, send }) => [put(send('count'), 'unsure'), (tab.state = 'closed'), (tab.trouble = trouble(10))],
      'read',
    ],
    ['ended, with commands: it dismisses them', ({ tab, send }) => [send('count'), (tab.state = 'failed')], 'dismiss'],
  ])('%s', (_, prepare, expected, now = 0) => {
    const made = loop()
    prepare(made)
    expect(next(made.tab, now).do).toBe(expected)
  })

  test('it appends what is accepted, in order, and settles only what has nothing accepted before it', () => {
    const { tab, send } = loop()
    const [a, b, c, d] = [send('refuse'), send('count'), send('refuse'), send('count')]
    expect(next(tab, 0)).toEqual({ do: 'append', group: [b, d] })
    tab.appended = true
    expect(next(tab, 0)).toEqual({ do: 'settle', leading: [a] })
    put(d!, 'waiting', contended)
    expect(next(tab, 0)).toEqual({ do: 'decide inside', commands: [a, b, d] })
    expect(c!.phase).toBe('waiting')
  })

  test('a command whose group failed goes alone, and lets nobody in', () => {
    const { tab, send } = loop()
    const [a, b, c] = [send('count'), send('count'), send('count')]
    put(b!, 'waiting', { alone: true })
    expect(next(tab, 0)).toEqual({ do: 'append', group: [a] })
    put(a!, 'waiting', { alone: true })
    put(b!, 'waiting', { alone: false })
    expect(next(tab, 0)).toEqual({ do: 'append', group: [a] })
    expect(c!.phase).toBe('waiting')
  })
})

/** What can come of a step, besides going well. */
const faults = [
  new StorageError('aborted'),
  new StorageError('closed'),
  new StorageError('unavailable'),
  new StorageError('quota'),
  new TypeError('a mistake of ours'),
  'raced',
  'sealed',
  'not whole',
  'head moves',
  'found',
  new OutdatedCodeError('newer', 2),
  new CorruptLog(7),
  new ModelError('an upcast that throws'),
  new EngineClosed('log replaced'),
] as const
type Fault = (typeof faults)[number]

/** Carries out a step the way the log would, with one fault or none. */
function play({ tab }: Loop, step: Exclude<NextStep, { do: 'rest' | 'wait' }>, fault: Fault | undefined): void {
  const commands =
    step.do === 'append'
      ? step.group
      : step.do === 'settle'
        ? step.leading
        : step.do === 'decide inside'
          ? step.commands
          : []
  const isSent = step.do === 'append' || step.do === 'decide inside'
  const settleAll = (): void =>
    rebase(tab, () => {
      for (const one of [...commands]) succeed(tab, one, { sequence: 1, events: [], duplicate: false })
    })
  if (step.do === 'dismiss') {
    dismiss(tab)
    return
  }
  if (step.do === 'make room') {
    tab.full = undefined
    put(step.pending, 'waiting', { room: step.pending.tries.room ? 2 : 1 })
    return
  }
  for (const one of commands)
    if (isSent) {
      put(one, 'in transaction', step.do === 'decide inside' ? { races: 0 } : {})
      one.attempts ??= []
    }
  if (fault instanceof Error) {
    afterError(tab, fault)
    return
  }
  for (const one of commands) put(one, 'waiting')
  if (step.do === 'read') {
    tab.behind = fault === 'head moves'
    if (fault === 'found')
      for (const one of tab.pending.filter(({ phase }) => phase === 'unsure'))
        succeed(tab, one, { sequence: 1, events: [], duplicate: false })
    afterArrival(tab)
  } else if (fault === 'raced' && step.do !== 'decide inside') afterLoss(tab, commands, fault)
  else if (fault === 'sealed' && step.do === 'append') afterLoss(tab, commands, fault)
  else if (fault === 'not whole' && step.do === 'decide inside') afterLoss(tab, commands, fault)
  else settleAll()
}

test('whatever happens, a tab comes to rest: no step leaves everything as it was, and every command is answered', async () => {
  const command = fc.constantFrom('count', 'refuse', 'nothing')
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(command, fc.constant('close'), fc.constant('step')), { maxLength: 20 }),
      fc.array(fc.option(fc.constantFrom(...faults), { nil: undefined, freq: 3 }), { maxLength: 40 }),
      async (acts, plan) => {
        const made = loop()
        const { tab, send, outcomes } = made
        let now = performance.now()
        const state = (): string =>
          JSON.stringify([
            tab.state,
            tab.behind,
            tab.appended,
            tab.trouble?.tries,
            tab.full?.id,
            tab.pending.map(({ id, phase, tries }) => [id, phase, tries]),
          ])
        const go = (): boolean => {
          const before = state()
          const step = next(tab, now)
          if (step.do === 'rest') return false
          if (step.do === 'wait') {
            expect(step.until).toBeGreaterThan(now)
            now = step.until
            return true
          }
          tab.appended = step.do === 'append'
          play(made, step, plan.shift())
          // Only a try that failed leaves the rest as it was, and then it waits.
          expect(state()).not.toBe(before)
          return true
        }
        for (const act of acts) {
          now = Math.max(now, performance.now())
          if (act === 'step') go()
          else if (act === 'close') rebase(tab, () => stop(tab, 'closed', new EngineClosed('closed')))
          else send(act as 'count')
        }
        // At most so many steps for each fault and each command: reads, appends, waits.
        const bound = 20 + 8 * (acts.length + plan.length)
        let steps = 0
        while (go()) expect(++steps).toBeLessThan(bound)
        await Promise.resolve()
        await new Promise(setImmediate)
        expect(tab.pending).toEqual([])
        expect(outcomes).not.toContain(undefined)
      },
    ),
    { numRuns: 500 },
  )
})
