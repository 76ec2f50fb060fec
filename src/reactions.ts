/**
 * Work that events cause outside the log: ask a model, send, upload, remind.
 * @module
 */
export { reaction } from './reactions/reaction.ts'
export type {
  EventOf,
  Reaction,
  ReactionDefinition,
  ReactionDispatch,
  ReactionDispatchCommand,
  ReactionDispatchOptions,
  ReactionFailure,
  ReactionRun,
} from './reactions/types.ts'
