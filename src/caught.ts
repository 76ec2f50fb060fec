/** What a `catch` has caught: everything that this code calls throws errors. */
export const asError = (caught: unknown): Error => caught as Error

/** The name of what was caught, for code of others that may throw anything. */
export const caughtName = (caught: unknown): string | undefined =>
  // Most things that can be thrown may be asked for a property.
  (caught as Error | null | undefined)?.name
