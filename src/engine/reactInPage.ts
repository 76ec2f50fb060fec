import { part } from '../load.ts'
import type { Core } from './core.ts'
import { keepLoading } from './keepLoading.ts'
import { type ReactionPlace, runReactionsOf } from './reactions.ts'
import type { OpenOptions } from './types.ts'

/** Loads an app's reactions and runs them in this page. Rejects if the engine ends first. */
export async function reactInPage(
  core: Core,
  { reactions, context }: OpenOptions,
  beside: ReactionPlace['beside'],
  booted: number,
): Promise<void> {
  if (!reactions) return
  const found = await keepLoading(core, part('reactions', reactions))
  runReactionsOf(found, { beside, booted, pages: context ?? [], stay() {} })
}
