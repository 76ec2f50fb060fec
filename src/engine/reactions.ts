import type { Json } from '../data.ts'
import type { ExtraWrite } from '../log/append.ts'
import type { Workshop } from '../projections/workshop.ts'
import type { Core } from './core.ts'

/**
 * The property of a reaction that holds its runner. Through it, only apps that import `tidemark/reactions` load the
 * runner.
 */
export const runner: unique symbol = Symbol.for('tidemark.reaction')

/** Runs named reactions until their place ends. Never rejects. */
export type RunReactions = (reactions: object, place: ReactionPlace) => void

/** The place where reactions run: beside a pipeline, or in a page whose log is in memory. */
export interface ReactionPlace {
  readonly beside: Workshop | Core
  /** The head of the log when the first tab of this build opened it. */
  readonly booted: number
  /**
   * Ports to the pages that have the log open, in the order of their hellos. In a page, the app's own `context`
   * function.
   */
  readonly pages: Iterable<MessagePort> | (() => Promise<Json>)
  /** Keeps the pipeline for a while after the last tab has gone, until the promise settles. */
  stay(until: Promise<unknown>): void
}

/** Runs the reactions that an object or a module exports, if there are any. */
export function runReactionsOf(reactions: object, place: ReactionPlace): void {
  const one = Object.values(reactions).find((value) => value?.[runner])
  one?.[runner](reactions, place)
}

/**
 * Stores the head at which this tab opened the log, with the tab's first record. A reaction that starts `from: 'now'`
 * needs it if the tab and its worker die before the reaction has stored a position. Otherwise it would skip the tab's
 * events.
 */
export const noteBooted = (booted: number): ExtraWrite => ({
  stores: ['reactions'],
  // Each tab stores its own entry.
  write: (storeOf) => void storeOf('reactions').put({ booted }, `booted ${booted}`),
})
