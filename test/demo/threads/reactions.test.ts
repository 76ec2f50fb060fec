import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { given, openTestEngine } from 'tidemark/testing'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { threadsApp } from '../../../demo/threads/model/threadsApp.ts'
import { answer, expire, resume } from '../../../demo/threads/threads.reactions.ts'

const { events } = threadsApp
const home = events.projectCreated({ id: 'p', name: 'Home' })
const thread = events.threadCreated({ id: 't', projectId: 'p', title: 'Lists' })
const todo = events.fileWritten({ projectId: 'p', path: 'todo.md', text: 'milk\n', added: 1, removed: 0 })
const asked = (prompt: string) => events.turnRequested({ id: 't.1', projectId: 'p', prompt })
const before = given(threadsApp, home, thread, todo)

describe('the built-in assistant', () => {
  it('carries out the request of a turn, and finishes the turn', async () => {
    const { lane, ...reacted } = await before.reacts(answer, asked('add eggs to todo.md'))
    expect(lane).toBe('t')
    expect(reacted).toEqual({
      settled: true,
      events: [
        events.fileWritten({
          projectId: 'p',
          turnId: 't.1',
          path: 'todo.md',
          text: 'milk\neggs\n',
          added: 1,
          removed: 0,
        }),
        events.turnFinished({ id: 't.1', text: 'Changed `todo.md`: 1 line added, 0 removed.' }),
      ],
    })
  })

  it('asks before it deletes, and continues after the answer', async () => {
    const request = asked('delete todo.md, then list files')
    const question = events.approvalAsked({
      turnId: 't.1',
      projectId: 'p',
      path: 'todo.md',
      rest: [{ kind: 'list' }],
      text: '',
      expires: 1000 + 5 * 60_000,
    })
    expect(await before.at(1000).reacts(answer, request)).toMatchObject({ settled: true, events: [question] })

    const waiting = given(threadsApp, home, thread, todo, request, question)
    const granted = await waiting.reacts(resume, events.approvalAnswered({ turnId: 't.1', granted: true }))
    expect(granted.events).toEqual([
      events.fileRemoved({ projectId: 'p', turnId: 't.1', path: 'todo.md', removed: 1 }),
      events.turnFinished({
        id: 't.1',
        text: 'Deleted `todo.md`.\n\nThis project has no files yet. Say `create notes.md` to begin.',
      }),
    ])
    const denied = await waiting.reacts(resume, events.approvalAnswered({ turnId: 't.1', granted: false }))
    expect(denied.events).toEqual([events.turnFinished({ id: 't.1', text: 'So I stop here.' })])
  })
})

describe('an unanswered approval', () => {
  const expires = Date.UTC(2026, 10, 28)
  const question = events.approvalAsked({ turnId: 't.1', projectId: 'p', path: 'todo.md', rest: [], text: '', expires })
  const open = given(threadsApp, home, thread, todo, asked('delete todo.md'))

  it('ends its turn when its time is over', async () => {
    expect(await open.reacts(expire, question)).toEqual({
      events: [events.approvalExpired({ turnId: 't.1' })],
      settled: true,
      lane: 't.1',
      after: new Date(expires),
    })
  })

  it('waits until it is answered or its turn is stopped', async () => {
    for (const end of ['answer', 'stop'] as const) {
      const engine = await openTestEngine(threadsApp, {
        storage: 'memory',
        reactions: async () => ({ answer, expire }),
      })
      await engine.dispatch.createProject({ id: 'p', name: 'Home', files: [{ path: 'todo.md', text: 'milk\n' }] })
      await engine.dispatch.startThread({ id: 't', projectId: 'p', prompt: 'delete todo.md' })
      await expect.poll(() => engine.status.reactions.expire?.open).toBe(1)
      if (end === 'answer') await engine.dispatch.answerApproval({ id: 't.1', granted: false })
      else await engine.dispatch.stopTurn({ id: 't.1', text: '' })
      await expect.poll(() => engine.status.reactions.expire?.open).toBe(0)
      expect(engine.read.turns.get('t.1')?.approval?.answer).toBe(end === 'answer' ? 'denied' : null)
      await engine.close()
    }
  })
})

describe('an endpoint that the user has chosen', () => {
  let respond: (response: ServerResponse) => void
  let headers: IncomingHttpHeaders[] = []
  const server = createServer((request, response) => {
    headers.push(request.headers)
    request.resume().on('end', () => respond(response))
  })
  let url: string
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`
  })
  afterAll(() => server.close())
  beforeEach(() => {
    headers = []
  })

  const part = (content: string) => `data: ${JSON.stringify({ choices: [{ delta: { content } }] })}\n\n`
  const refuse = (status: number) => (response: ServerResponse) =>
    response.writeHead(status).end('{"error":{"message":"No"}}')
  const named = () => given(threadsApp, home, thread, todo, events.assistantChosen({ url, model: 'm' }))
  const context = { key: 'secret' }

  it('streams its answer, and the blocks in it are carried out', async () => {
    respond = (response) =>
      response.end(`${part('I add it.\n\n```do\nadd eggs to todo.md\n')}${part('```\n')}data: [DONE]\n\n`)
    const { events: appended, settled } = await named().reacts(answer, asked('eggs, too'), { context })
    expect(settled).toBe(true)
    expect(appended.map(({ type }) => type)).toEqual(['fileWritten', 'turnFinished'])
    expect(headers).toMatchObject([
      { authorization: 'Bearer secret', 'idempotency-key': expect.stringContaining('/0') },
    ])
  })

  it.each([429, 500])(
    'that answers %i does not end the turn: the attempt fails, and the reaction tries again',
    async (status) => {
      respond = refuse(status)
      expect(await named().reacts(answer, asked('eggs, too'), { context })).toMatchObject({
        events: [],
        settled: false,
        error: { message: `The endpoint answered ${status}: No.` },
      })
    },
  )

  it('that refuses the key ends the turn at once, with the reason', async () => {
    respond = refuse(401)
    const reason = 'The endpoint answered 401: No. Give its key under “Assistant”.'
    expect(await named().reacts(answer, asked('eggs, too'), { context })).toMatchObject({
      events: [events.turnFailed({ id: 't.1', text: '', reason })],
      settled: true,
    })
  })

  it('that keeps failing, or whose tab was closed, still ends the turn in the log', async () => {
    const error = new Error('The endpoint answered 500: No.')
    const failed = await named().reacts(answer, asked('eggs, too'), { handler: 'failed', error })
    expect(failed.events).toEqual([events.turnFailed({ id: 't.1', text: '', reason: error.message })])
    const lost = await named().reacts(answer, asked('eggs, too'), { handler: 'lost' })
    expect(lost.events).toEqual([events.turnInterrupted({ id: 't.1', text: '' })])
    const request = asked('delete todo.md')
    const question = events.approvalAsked({
      turnId: 't.1',
      projectId: 'p',
      path: 'todo.md',
      rest: [],
      text: '',
      expires: 9,
    })
    const answered = events.approvalAnswered({ turnId: 't.1', granted: true })
    const resumed = await given(threadsApp, home, thread, todo, request, question).reacts(resume, answered, {
      handler: 'lost',
    })
    expect(resumed.events).toEqual([events.turnInterrupted({ id: 't.1', text: '' })])
  })

  it('is cancelled when its turn is stopped, and its text is discarded', async () => {
    const closed = new Promise<void>((resolve) => {
      respond = (response) => {
        response.on('close', resolve)
        response.writeHead(200).write(part('Let me think'))
      }
    })
    const engine = await openTestEngine(threadsApp, {
      storage: 'memory',
      reactions: async () => ({ answer }),
      context: async () => context,
    })
    await engine.dispatch.createProject({ id: 'p', name: 'Home' })
    await engine.dispatch.chooseAssistant({ url, model: 'm' })
    await engine.dispatch.startThread({ id: 't', projectId: 'p', prompt: 'think' })
    await expect.poll(() => engine.drafts.reply.get('t.1')?.text).toBe('Let me think')
    await engine.dispatch.stopTurn({ id: 't.1', text: 'Let me think' })
    await closed
    await engine.settled()
    await expect.poll(() => engine.drafts.reply.get('t.1')).toBeUndefined()
    expect(engine.read.turns.get('t.1')).toMatchObject({ state: 'stopped', text: 'Let me think' })
    expect(engine.read.threads.get('t')).toMatchObject({ running: 0, answered: 1 })
    await engine.close()
  })
})
