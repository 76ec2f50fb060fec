import { defineEvents, event } from 'tidemark'
import type { Step } from '../assistant/steps.ts'

/** The new state of a file, by a turn or a person. `text: null` removes it. */
export interface Change {
  path: string
  text: string | null
}

/** The author of a change in a project: a turn, or the person if there is no turn. */
export interface Actor {
  projectId: string
  turnId?: string
}

export const events = defineEvents({
  projectCreated: event<{ id: string; name: string }>(),
  projectRenamed: event<{ id: string; name: string }>(),

  threadCreated: event<{ id: string; projectId: string; title: string }>(),
  threadRenamed: event<{ id: string; title: string }>(),
  threadSeen: event<{ id: string; turns: number }>(),
  threadClosed: event<{ id: string }>(),
  threadReopened: event<{ id: string }>(),

  turnRequested: event<{ id: string; projectId: string; prompt: string }>(),
  turnFinished: event<{ id: string; text: string }>(),
  turnStopped: event<{ id: string; text: string }>(),
  turnInterrupted: event<{ id: string; text: string }>(),
  turnFailed: event<{ id: string; text: string; reason: string }>(),
  /** A turn from before this log. No reaction answers it. */
  turnImported: event<{ id: string; projectId: string; prompt: string; text: string; happened: number }>(),

  approvalAsked: event<{
    turnId: string
    projectId: string
    path: string
    rest: Step[]
    text: string
    expires: number
  }>(),
  approvalAnswered: event<{ turnId: string; granted: boolean }>(),
  approvalExpired: event<{ turnId: string }>(),

  /** `added` and `removed` count lines. */
  fileWritten: event<Actor & { path: string; text: string; added: number; removed: number }>(),
  fileRenamed: event<Actor & { from: string; to: string; text: string }>(),
  fileRemoved: event<Actor & { path: string; removed: number }>(),
  /** Sets the files of a project to their state after `turn`, or before it if `undone`. Lists only the files that differ. */
  filesReverted: event<Actor & { turn: string; undone: boolean; changes: Change[] }>(),

  /** The assistant from now on. `url` is null for the built-in assistant. The key is never in the log. */
  assistantChosen: event<{ url: string | null; model: string }>(),
  /** How long an approval waits for its answer, in milliseconds. */
  approvalTimeSet: event<{ milliseconds: number }>(),
})
