import type { Status } from 'tidemark'

/** What both builds' engines can do; `star` is answered by the newer one alone. */
interface Deployed {
  readonly read: { readonly things: { all(): readonly { readonly id: string }[] } }
  readonly status: Status
  readonly dispatch: { add(input: { id: string }): Promise<{ sequence?: number | undefined }> }
  projected(): Promise<void>
}

export const drive = (open: (name: string) => Promise<Deployed>) => {
  let engine: Deployed
  return {
    open: async (name: string) => {
      engine = await open(name)
    },
    things: () => engine.read.things.all(),
    status() {
      const { state, sequence, projected, worker, lastError } = engine.status
      return { state, sequence, projected, worker, lastError: lastError && { ...lastError, name: lastError.name } }
    },
    projected: () => engine.projected(),
    add: (id: string) => answer(engine.dispatch.add({ id })),
    star: (id: string) =>
      answer((engine.dispatch as unknown as Record<'star', Deployed['dispatch']['add']>).star({ id })),
  }
}

const answer = (sent: Promise<{ sequence?: number | undefined }>) =>
  sent.then(
    ({ sequence }) => sequence,
    ({ name }: Error) => name,
  )

declare global {
  interface Window {
    deploy: ReturnType<typeof drive>
  }
}
