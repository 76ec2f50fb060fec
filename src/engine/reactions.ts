import type { Json } from '../data.ts'
import type { Inside } from '../log/append.ts'
import type { Workshop } from '../projections/workshop.ts'
import type { Core } from './core.ts'

/** Where what `reaction` of tidemark/reactions gives has its runner: an app that imports none does not load it. */
export const runner: unique symbol = Symbol.for('tidemark.reaction')

/** Runs reactions, by their names, until their place is gone. Never rejects. */
export type RunReactions = (reactions: object, place: ReactionPlace) => void

/** Where reactions run: beside a pipeline, or in a page whose log is in memory. */
export interface ReactionPlace {
  readonly beside: Workshop | Core
  /** The head of the log when the first tab of this build opened it. */
  readonly booted: number
  /** Ports to the pages that have the log open, in the order of their hellos; in a page, its own function. */
  readonly pages: Iterable<MessagePort> | (() => Promise<Json>)
  /** Keeps the pipeline for a while after the last tab has gone, until the promise settles. */
  stay(until: Promise<unknown>): void
}

/** Runs the reactions of an object or a module, if it has any. */
export function runReactionsOf(reactions: object, place: ReactionPlace): void {
  const one = Object.values(reactions).find((value) => value?.[runner])
  one?.[runner](reactions, place)
}

/**
 * Where a reaction from now begins, if this tab dies with its worker before one has stored its position: what the tab appended would never be
 * looked at.
 */
export const noteBooted = (booted: number): Inside => ({
  stores: ['reactions'],
  // Of several tabs, each keeps its own.
  write: (storeOf) => void storeOf('reactions').put({ booted }, `booted ${booted}`),
})
