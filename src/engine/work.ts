import { afterArrival, afterError, afterLoss, dismiss } from './afterwards.ts'
import { appendGroup } from './appendGroup.ts'
import { catchUp } from './catchUp.ts'
import type { Ways } from './layer.ts'
import { lookUpCommand } from './lookUp.ts'
import { type NextStep, next } from './next.ts'
import { settleAtHead } from './settleAtHead.ts'
import type { Tab } from './tab.ts'

/**
 * Takes one step after the other, until there is nothing to do or a retry has to wait. Resolves with the time of the
 * next try, by `performance.now()`, or with undefined. Never rejects, because `afterwards` handles every error.
 */
export async function work(tab: Tab): Promise<number | undefined> {
  for (;;) {
    try {
      const step = next(tab, performance.now())
      if (step.do === 'rest') return undefined
      if (step.do === 'wait') return step.until
      // The next step is decided again when the turn begins, because the state may have changed.
      if (tab.turns) await tab.turns.runStep(() => takeStep(tab, next(tab, performance.now())))
      else await takeStep(tab, step)
    } catch (error) {
      afterError(tab, error)
    }
  }
}

/** The steps of a tab of a log without a remote. */
const workWithoutRemote = {
  catchUp,
  appendGroup,
  settleAtHead,
  lookUp: lookUpCommand,
  decideInside: async (tab, commands) => (await tab.reserve()).decideInside(tab, commands),
} satisfies Ways<Tab>

async function takeStep(tab: Tab, step: NextStep): Promise<void> {
  const ways = tab.layer ?? workWithoutRemote
  tab.appended = step.do === 'append'
  switch (step.do) {
    case 'read':
      await ways.catchUp(tab)
      return afterArrival(tab)
    case 'append': {
      const outcome = await ways.appendGroup(tab, step.group)
      if (outcome === 'appended') return
      if (typeof outcome === 'string') return afterLoss(tab, step.group, outcome)
      const known = step.group.find(({ id }) => id === outcome.taken)
      return known && ways.lookUp(tab, known)
    }
    case 'settle': {
      const outcome = await ways.settleAtHead(tab, step.leading)
      return outcome === 'raced' ? afterLoss(tab, step.leading, outcome) : undefined
    }
    case 'decide inside': {
      const outcome = await ways.decideInside(tab, step.commands)
      return outcome === 'not whole' ? afterLoss(tab, step.commands, outcome) : undefined
    }
    case 'make room':
      return (await tab.reserve()).makeRoom(tab, step.pending)
    case 'dismiss':
      return dismiss(tab)
  }
}
