import { defineEvents, defineModel, event, openEngine, projection, reject, table } from 'tidemark'
import { draft } from 'tidemark/drafts'
import { reaction } from 'tidemark/reactions'
import { memoryRemote } from 'tidemark/testing'

interface Job {
  id: string
  kind: string
  isDone: boolean
}

const events = defineEvents({
  jobAsked: event<{ id: string; kind: string }>(),
  jobMended: event<{ id: string }>(),
  jobDone: event<{ id: string }>(),
})

/** Another object each time: another model is another device. */
const jobApp = () =>
  defineModel({
    name: 'jobs',
    events,
    projections: {
      jobs: projection(events, {
        into: table<Job>('id'),
        evolve: {
          jobAsked: (_, { data }) => ({ ...data, isDone: false }),
          jobMended: (job) => job && { ...job, kind: 'good' },
          jobDone: (job) => job && { ...job, isDone: true },
        },
      }),
    },
    commands: {
      ask: ({ jobs }, { id, kind = 'good' }: { id: string; kind?: string }) =>
        jobs.has(id) ? reject('taken', { id }) : events.jobAsked({ id, kind }),
      mend: (_, { id }: { id: string }) => events.jobMended({ id }),
      finish: (_, { id }: { id: string }) => events.jobDone({ id }),
    },
    drafts: { report: draft<{ job: string }>() },
  })

/** A job that is bad fails; a slow one never ends by itself. Each is remembered for an hour. */
const reactionsOf = (model: ReturnType<typeof jobApp>) => ({
  work: reaction(model, {
    on: ['jobAsked'],
    from: 'start',
    lane: ({ data }) => data.id,
    retry: { tries: 1 },
    async run({ event, read, dispatch, signal }) {
      const { id } = event.data
      const kind = read.jobs.get(id)?.kind
      if (kind === 'bad') throw new RangeError(`the job ${id} is bad`)
      if (kind === 'slow')
        await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
      await dispatch.finish({ id }, { settles: true })
    },
  }),
  remind: reaction(model, { on: ['jobAsked'], from: 'start', after: () => 3_600_000, run() {} }),
})

/** A log with reactions and drafts. */
export const openJobs = (name: string) => {
  const model = jobApp()
  return openEngine(model, { name, reactions: async () => reactionsOf(model) })
}

/** Two devices of one log, with a remote that this page holds. The second one can be taken offline. */
export async function openDevices(name: string) {
  const server = memoryRemote()
  const [first, second] = [server.device(), server.device()]
  const open = (device: typeof first, own: string) =>
    openEngine(jobApp(), { name: `${name}-${own}`, remote: () => device('jobs'), mirror: false })
  return {
    first: await open(first, 'a'),
    second: await open(second, 'b'),
    setOffline: (offline: boolean) => second.set({ offline }),
  }
}
