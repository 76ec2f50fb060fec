import { seal } from '../log/seal.ts'
import type { Workshop } from './pipeline.ts'

/** Newest events that stay unsealed, so that a tab a little behind reads commits. */
const UNSEALED = 2048

/** What a pipeline does in a quiet moment; says whether there is more of it. */
export async function tidy({ database, tracks = [] }: Workshop): Promise<boolean> {
  // At or below the lowest checkpoint; a failed projection keeps nothing from being sealed (rule 11).
  const stored = tracks.flatMap(({ fold, stored = 0 }) => (fold.failed ? [] : stored))
  const limit = Math.min(...stored) - UNSEALED
  return stored.length > 0 && limit > 0 && (await seal(database, limit))
}
