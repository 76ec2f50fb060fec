import type { Model } from 'tidemark'
import { DraftOver } from 'tidemark/drafts'
import { type ReactionRun, reaction } from 'tidemark/reactions'
import { stepsIn } from './assistant/blocks.ts'
import { complete, EndpointError } from './assistant/complete.ts'
import { messagesFor } from './assistant/messagesFor.ts'
import { parse } from './assistant/parse.ts'
import { type Hands, type Question, runSteps } from './assistant/runSteps.ts'
import { speak } from './assistant/speak.ts'
import type { Step } from './assistant/steps.ts'
import { threadOf } from './model/ids.ts'
import { filesOf, threadsApp } from './model/threadsApp.ts'

type App = typeof threadsApp
type Run = App extends Model<infer E, infer P, infer C, infer D> ? ReactionRun<E, P, C, D, keyof E & string> : never
type Reply = ReturnType<Run['drafts']['reply']['begin']>

/** The number of turns that are answered at the same time, and of attempts per turn. */
const rules = { from: 'now', concurrency: 6, retry: { tries: 4, delay: 500 } } as const

/** Answers a request with the built-in assistant, or with the endpoint that the person chose. */
export const answer = reaction(threadsApp, {
  ...rules,
  on: ['turnRequested'],
  lane: ({ data }) => threadOf(data.id),
  cancel: { turnStopped: (stop, start) => stop.data.id === start.data.id },
  async run(run) {
    const { id, projectId, prompt } = run.event.data
    const { url } = run.read.settings.value
    await speakInto(run, id, (reply) =>
      url === null ? carryOut(run, reply, id, projectId, parse(prompt)) : askModel(run, reply, run.event.data),
    )
  },
  lost: (run) => interrupt(run, run.event.data.id),
  failed: (run) => fail(run, run.event.data.id, run.error),
})

/** Continues a turn after the answer to its question. */
export const resume = reaction(threadsApp, {
  ...rules,
  on: ['approvalAnswered'],
  lane: ({ data }) => threadOf(data.turnId),
  cancel: { turnStopped: (stop, { data }) => stop.data.id === data.turnId },
  async run(run) {
    const { turnId, granted } = run.event.data
    const turn = run.read.turns.get(turnId)
    if (!turn?.approval) return
    const { path, rest } = turn.approval
    await speakInto(run, turnId, (reply) =>
      granted
        ? carryOut(run, reply, turnId, turn.projectId, [{ kind: 'delete', path }, ...rest], path)
        : sayTo(run, reply)(rest.length > 0 ? 'So I stop here.' : 'All right, it stays.').then(() => undefined),
    )
  },
  lost: (run) => interrupt(run, run.event.data.turnId),
  failed: (run) => fail(run, run.event.data.turnId, run.error),
})

/** Ends a turn whose approval got no answer in time. */
export const expire = reaction(threadsApp, {
  on: ['approvalAsked'],
  from: 'now',
  lane: ({ data }) => data.turnId,
  after: ({ data }) => new Date(data.expires),
  cancel: {
    approvalAnswered: (answered, asked) => answered.data.turnId === asked.data.turnId,
    turnStopped: (stop, asked) => stop.data.id === asked.data.turnId,
  },
  run: ({ event, dispatch }) => dispatch.expireApproval({ id: event.data.turnId }, { settles: true }),
})

// ---- one turn

/** Writes the answer of a turn as a draft. One transaction appends the whole answer and deletes the draft. */
async function speakInto(run: Run, id: string, work: (reply: Reply) => Promise<Question | undefined>): Promise<void> {
  const { dispatch, drafts, signal } = run
  const reply = drafts.reply.begin(id, { threadId: threadOf(id) })
  try {
    const question = await work(reply)
    await reply.end((text) =>
      question
        ? dispatch.askApproval({ id, ...question, text: text.trim() }, { settles: true })
        : dispatch.finishTurn({ id, text: text.trim() }, { settles: true }),
    )
  } catch (error) {
    if (signal.aborted) await reply.discard()
    else if (error instanceof EndpointError && error.final)
      await reply.end((text) => dispatch.failTurn({ id, text: text.trim(), reason: error.message }, { settles: true }))
    else throw error
  }
}

const sayTo =
  ({ signal }: Run, reply: Reply) =>
  async (text: string): Promise<void> => {
    for await (const piece of speak(`${text}\n\n`, signal)) reply.append(piece)
  }

function carryOut(
  run: Run,
  reply: Reply,
  id: string,
  projectId: string,
  steps: readonly Step[],
  granted?: string,
): Promise<Question | undefined> {
  const hands: Hands = {
    files: new Map(filesOf(run.read, projectId)),
    carryOut: async (step) => (await run.dispatch.carryOut({ id, step })).events,
    say: sayTo(run, reply),
    granted,
  }
  return runSteps(steps, hands)
}

/** Shows the answer of the model, then carries out its requests. */
async function askModel(
  run: Run,
  reply: Reply,
  turn: { readonly id: string; readonly projectId: string; readonly prompt: string },
): Promise<Question | undefined> {
  const { read, signal, key: idempotencyKey, context } = run
  const { url, model } = read.settings.value
  const { key } = await context<{ key: string }>()
  let text = ''
  for await (const part of complete({
    url: url!,
    model,
    key,
    messages: messagesFor(read, turn),
    signal,
    idempotencyKey,
  })) {
    text += part
    reply.append(part)
  }
  const steps = stepsIn(text)
  if (steps.length > 0) reply.append('\n\n')
  return carryOut(run, reply, turn.id, turn.projectId, steps)
}

/** Ends a turn whose tab was closed or crashed. Its text so far is kept. */
const interrupt = (run: Run, id: string): Promise<unknown> =>
  end(run, id, (text) => run.dispatch.interruptTurn({ id, text }, { settles: true }))

const fail = (run: Run, id: string, { message }: Error): Promise<unknown> =>
  end(run, id, (text) => run.dispatch.failTurn({ id, text, reason: message }, { settles: true }))

async function end(run: Run, id: string, write: (text: string) => Promise<unknown>): Promise<unknown> {
  try {
    return await run.drafts.reply.end(id, (text) => write(text.trim()))
  } catch (error) {
    if (!(error instanceof DraftOver)) throw error
    return write('')
  }
}
