import type { OpenDrafts } from './types.ts'

/** The drafts of one engine for somebody who leaves when the signal aborts: what he has not ended then is abandoned. */
export const draftsUntil = (byName: OpenDrafts['byName'], signal: AbortSignal): OpenDrafts['byName'] =>
  Object.fromEntries(
    Object.entries(byName).map(([name, drafts]) => [
      name,
      { ...drafts, begin: (id: string, header: unknown) => drafts.begin(id, header, { signal }) },
    ]),
  )
