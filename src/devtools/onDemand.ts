// The parts of the panel that are loaded on first use.
import { DraftsPanel } from './drafts.ts'
import { HealthPanel } from './health.ts'
import { ReactionsPanel } from './reactions.ts'
import { StoragePanel } from './storage.ts'
import { SyncPanel } from './sync.ts'
import { TabsPanel } from './tabs.ts'
import { TimePanel } from './timeMachine.ts'

export { at } from '../engine/tools/at.ts'
export { verify } from '../engine/tools/verify.ts'
export { asTest, commandAsTest } from './asTest.ts'
export { diskRows } from './diskRows.ts'
export { rowSteps } from './rowSteps.ts'

/** The pages that need the tools, and the pages that are rarely opened. */
export const latePages: Readonly<Record<string, CustomElementConstructor>> = {
  'tidemark-drafts': DraftsPanel,
  'tidemark-health': HealthPanel,
  'tidemark-reactions': ReactionsPanel,
  'tidemark-storage': StoragePanel,
  'tidemark-sync': SyncPanel,
  'tidemark-tabs': TabsPanel,
  'tidemark-time': TimePanel,
}
