import type { OpenDrafts } from './types.ts'

/**
 * The drafts of one engine, for a caller that ends with the signal. Drafts that it has not ended then are abandoned.
 */
export const draftsUntil = (byName: OpenDrafts['byName'], signal: AbortSignal): OpenDrafts['byName'] =>
  Object.fromEntries(
    Object.entries(byName).map(([name, drafts]) => [
      name,
      { ...drafts, begin: (id: string, header: unknown) => drafts.begin(id, header, { signal }) },
    ]),
  )
