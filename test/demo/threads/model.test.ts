import { given } from 'tidemark/testing'
import { describe, expect, it } from 'vitest'
import { threadsApp } from '../../../demo/threads/model/threadsApp.ts'

const { events } = threadsApp
const home = events.projectCreated({ id: 'p', name: 'Home' })
const thread = events.threadCreated({ id: 't', projectId: 'p', title: 'Lists' })
const asked = (n: number) => events.turnRequested({ id: `t.${n}`, projectId: 'p', prompt: `request ${n}` })
const written = (path: string, text: string, turnId?: string) =>
  events.fileWritten({ projectId: 'p', ...(turnId && { turnId }), path, text, added: 1, removed: 0 })
const approval = events.approvalAsked({ turnId: 't.1', projectId: 'p', path: 'a.md', rest: [], text: '', expires: 9 })

describe('a turn', () => {
  it('starts together with its thread, and has a number', () => {
    given(threadsApp, home)
      .when('startThread', { id: 't', projectId: 'p', prompt: ' **Create** a list \nwith milk' })
      .then(
        events.threadCreated({ id: 't', projectId: 'p', title: 'Create a list' }),
        events.turnRequested({ id: 't.1', projectId: 'p', prompt: '**Create** a list \nwith milk' }),
      )
    given(threadsApp, home, thread, asked(1))
      .when('requestTurn', { threadId: 't', prompt: 'more' })
      .then(events.turnRequested({ id: 't.2', projectId: 'p', prompt: 'more' }))
    given(threadsApp).when('startThread', { id: 't', projectId: 'p', prompt: 'x' }).thenRejected('project-not-found')
  })

  it('ends only once: later commands to end it do nothing', () => {
    const before = [home, thread, asked(1)]
    const stopped = events.turnStopped({ id: 't.1', text: 'half' })
    given(threadsApp, ...before)
      .when('stopTurn', { id: 't.1', text: 'half' })
      .then(stopped)
    for (const command of ['finishTurn', 'stopTurn', 'interruptTurn'] as const)
      given(threadsApp, ...before, stopped)
        .when(command, { id: 't.1', text: 'whole' })
        .thenNothing()
    given(threadsApp, ...before, stopped)
      .when('failTurn', { id: 't.1', text: '', reason: 'x' })
      .thenNothing()
    given(threadsApp, ...before, stopped)
      .when('carryOut', { id: 't.1', step: { kind: 'create', path: 'a.md', text: '' } })
      .thenRejected('turn-ended')
  })

  it('works on the files as they are when the command is decided', () => {
    given(threadsApp, home, thread, asked(1), written('a.md', 'one\n'))
      .when('carryOut', { id: 't.1', step: { kind: 'append', path: 'a.md', text: 'two' } })
      .then(
        events.fileWritten({ projectId: 'p', turnId: 't.1', path: 'a.md', text: 'one\ntwo\n', added: 1, removed: 0 }),
      )
    given(threadsApp, home, thread, asked(1))
      .when('carryOut', { id: 't.1', step: { kind: 'rename', from: 'a.md', to: 'b.md' } })
      .thenRejected('impossible', { problem: 'There is no file `a.md`.' })
  })

  it('undoes the last turn that changed files, but no later change', () => {
    const before = [
      home,
      thread,
      asked(1),
      written('a.md', 'one\n'),
      written('a.md', 'two\n', 't.1'),
      written('b.md', 'b\n', 't.1'),
    ]
    const finished = events.turnFinished({ id: 't.1', text: '' })
    given(threadsApp, ...before, finished, asked(2))
      .when('carryOut', { id: 't.2', step: { kind: 'undo' } })
      .then(
        events.filesReverted({
          projectId: 'p',
          turnId: 't.2',
          turn: 't.1',
          undone: true,
          changes: [
            { path: 'a.md', text: 'one\n' },
            { path: 'b.md', text: null },
          ],
        }),
      )
    given(threadsApp, ...before, finished, written('a.md', 'mine\n'), written('b.md', 'mine\n'), asked(2))
      .when('carryOut', { id: 't.2', step: { kind: 'undo' } })
      .thenRejected('impossible')
  })
})

describe('an approval', () => {
  it('is asked for before a file is deleted, and expires', () => {
    const before = [home, thread, asked(1), written('a.md', 'x\n')]
    const remove = { id: 't.1', step: { kind: 'delete' as const, path: 'a.md' } }
    given(threadsApp, ...before)
      .when('carryOut', remove)
      .thenRejected('approval-missing')
    given(threadsApp, ...before)
      .at(1000)
      .when('askApproval', { id: 't.1', path: 'a.md', rest: [], text: '' })
      .then(events.approvalAsked({ turnId: 't.1', projectId: 'p', path: 'a.md', rest: [], text: '', expires: 301_000 }))
    given(threadsApp, ...before, approval)
      .when('answerApproval', { id: 't.1', granted: true })
      .then(events.approvalAnswered({ turnId: 't.1', granted: true }))
    given(threadsApp, ...before, approval, events.approvalAnswered({ turnId: 't.1', granted: true }))
      .when('carryOut', remove)
      .then(events.fileRemoved({ projectId: 'p', turnId: 't.1', path: 'a.md', removed: 1 }))
    given(threadsApp, ...before, approval)
      .when('expireApproval', { id: 't.1' })
      .then(events.approvalExpired({ turnId: 't.1' }))
    given(threadsApp, ...before, approval, events.approvalExpired({ turnId: 't.1' }))
      .when('answerApproval', { id: 't.1', granted: true })
      .thenNothing()
  })
})

describe('a thread', () => {
  it('closes only while no turn runs, removes its turns from memory, and opens again with a new request', () => {
    const ended = [home, thread, asked(1), events.turnFinished({ id: 't.1', text: 'done' })]
    given(threadsApp, home, thread, asked(1)).when('closeThread', { id: 't' }).thenRejected('thread-running')
    given(threadsApp, ...ended)
      .when('closeThread', { id: 't' })
      .thenRows({ turns: [] })
    given(threadsApp, ...ended, events.threadClosed({ id: 't' }))
      .when('requestTurn', { threadId: 't', prompt: 'again' })
      .then(events.threadReopened({ id: 't' }), events.turnRequested({ id: 't.2', projectId: 'p', prompt: 'again' }))
  })

  it('has the same transcript on disk as in memory', () => {
    const happened = [
      home,
      thread,
      asked(1),
      written('a.md', 'x\n', 't.1'),
      approval,
      events.approvalAnswered({ turnId: 't.1', granted: false }),
      events.turnFinished({ id: 't.1', text: 'kept' }),
      asked(2),
      events.turnFailed({ id: 't.2', text: 'half', reason: 'HTTP 500' }),
    ]
    const turns = [
      {
        id: 't.1',
        threadId: 't',
        projectId: 'p',
        prompt: 'request 1',
        state: 'finished',
        text: 'kept',
        reason: null,
        requested: 0,
        ended: 0,
        first: 3,
        last: 7,
        touched: [{ path: 'a.md', what: 'written', added: 1, removed: 0 }],
        approval: { path: 'a.md', rest: [], expires: 9, answer: 'denied' },
      },
      {
        id: 't.2',
        threadId: 't',
        projectId: 'p',
        prompt: 'request 2',
        state: 'failed',
        text: 'half',
        reason: 'HTTP 500',
        requested: 0,
        ended: 0,
        first: 8,
        last: 9,
        touched: [],
        approval: null,
      },
    ] as const
    given(threadsApp, ...happened).thenRows({
      turns: turns as never,
      transcripts: [{ id: 't/0', threadId: 't', sequence: 9, turns: turns as never }],
    })
  })
})

describe('a workspace', () => {
  it('is reverted by one event, which lists the differences', () => {
    const now = [home, written('a.md', 'new\n'), written('b.md', 'same\n'), written('c.md', 'later\n')]
    const files = [
      { path: 'a.md', text: 'old\n' },
      { path: 'b.md', text: 'same\n' },
    ]
    const reverted = events.filesReverted({
      projectId: 'p',
      turn: 't.1',
      undone: false,
      changes: [
        { path: 'a.md', text: 'old\n' },
        { path: 'c.md', text: null },
      ],
    })
    given(threadsApp, ...now)
      .when('revert', { projectId: 'p', turn: 't.1', files })
      .then(reverted)
    given(threadsApp, ...now, reverted)
      .when('revert', { projectId: 'p', turn: 't.1', files })
      .thenNothing()
  })

  it('refuses a path that leads out of it', () => {
    expect(() =>
      given(threadsApp, home).when('saveFile', { projectId: 'p', path: '../x', text: '' }).thenRejected('impossible'),
    ).not.toThrow()
  })
})
