import type { Drafts, DraftText } from '../drafts/types.ts'

/** One draft with `subscribe`, so that a binding can follow it like an engine. */
export interface DraftSource<H> {
  readonly draft: DraftText<H> | undefined
  subscribe(listener: () => void): () => void
}

export const draftOf = <H>(drafts: Drafts<H>, id: string): DraftSource<H> => ({
  get draft() {
    return drafts.get(id)
  },
  subscribe: (listener) => drafts.subscribe(id, listener),
})
