/**
 * Texts that are still being written.
 * @module
 */
export { draft } from './drafts/draft.ts'
export { DraftOver } from './drafts/draftOver.ts'
export type { Draft, DraftHeader, Drafts, DraftsOf, DraftText, DraftWriter } from './drafts/types.ts'
