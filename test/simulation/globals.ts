// Evaluated before the library and its dependencies, which must not keep the functions of the platform.
/** The functions of the platform, for the simulation itself. */
export const real = {
  setImmediate: globalThis.setImmediate,
  setTimeout: globalThis.setTimeout,
  performance: globalThis.performance,
  now: Date.now,
  random: Math.random,
}
// Garbage collection would report proxies at a moment that no seed decides.
Reflect.deleteProperty(globalThis, 'FinalizationRegistry')
// Calls of Dexie at load time belong to no actor.
Reflect.deleteProperty(globalThis, 'BroadcastChannel')

/** Sizes of the library, scaled down so that a short run fills pages, batches and segments. */
;(globalThis as { simulatedSizes?: Record<string, number> }).simulatedSizes = {
  PAGE_ROWS: 3,
  PAST_EVENTS: 4,
  TAIL_COMMITS: 3,
  BATCH_EVENTS: 8,
  LOOKED_UP_AT_ONCE: 8,
  FLUSH_CHANGES: 5,
  UNSEALED: 2,
  SEGMENT_EVENTS: 5,
  GROUP_CHARACTERS: 300,
  LARGEST_HINT: 500,
  CHUNK_EVENTS: 4,
  TAIL_EVENTS: 6,
  ROUND_EVENTS: 12,
  PACK_COMMITS: 3,
  REFOLDED_AT_ONCE: 2,
  SLICE_STEPS: 2,
  HELD_COMMITS: 6,
}
