import { openWorkerEngine } from 'tidemark/engine/workerEngine'
import { openChannel } from 'tidemark/log/channel'
import { reachHolder } from 'tidemark/projections/reachHolder'
import { serve } from 'tidemark/projections/serve'
import type { Run } from './acts.ts'
import { type Build, createModel } from './app.ts'
import type { Tab } from './audit.ts'
import { type Actor, current, Violation, type World } from './world.ts'

/** Engines that work next to the pipelines of workers, and the checks of them. */

const LOCK = 'tidemark/engine/sim'
/** Milliseconds after which an unused worker closes, as in `tidemark/worker`. */
const IDLE = 3000

/** The script of a worker in which an engine dispatches. `run.beside` has the open ones. */
export const besideScript = (run: () => Run, build: Build) => (): void => {
  const actor = current()
  serve(createModel(build), {
    idle: IDLE,
    opened({ shop }) {
      const { w, beside, storage, audit } = run()
      openWorkerEngine(shop).then(
        (engine) => {
          const tab: Tab = {
            actor,
            build,
            bare: false,
            engine: undefined,
            send: engine.dispatch,
            failure: undefined,
            closed: engine.signal.aborted,
            log: audit.logOf(storage.opened.get(actor)!),
            seen: engine.head,
            shown: undefined,
            dispatches: [],
          }
          engine.signal.addEventListener('abort', () => {
            tab.closed = true
          })
          beside.push({ tab, shop })
          w.hit('engine beside a pipeline')
        },
        (error) => {
          if (['EngineClosed', 'OutdatedCodeError'].includes(error?.name)) return
          w.violation ??= new Violation(`openWorkerEngine rejected: ${error?.stack}`)
        },
      )
    },
  })
}

export const usableBeside = ({ beside }: Run): Tab[] =>
  beside.flatMap(({ tab }) => (tab.actor.alive && !tab.actor.frozen && !tab.closed ? tab : []))

/** A tab that needs the holder sends a request, and steals its lock if it does not answer. */
export async function reach({ w }: Run, { log }: Tab): Promise<void> {
  const channel = openChannel('sim', () => {})
  try {
    w.hit(`holder ${await reachHolder('sim', log?.identity?.id ?? '', channel)}`)
  } finally {
    channel.close()
  }
}

/** Returns whether a worker was the holder when it began its last appending transaction. */
export function watchHolders(w: World, run: Run): (actor: Actor) => boolean {
  const appends = new Map<Actor, boolean>()
  const { asked } = w
  w.asked = (actor, what) => {
    asked(actor, what)
    const isAppend = what.startsWith('readwrite') && what.includes('commits') && what.includes('types')
    // A holder whose lock was stolen learns of it soon. Until then, its appends are decided like all other appends.
    if (isAppend && !what.includes('bodies')) appends.set(actor, run.browser.holds(actor, LOCK) !== undefined)
  }
  return (actor) => appends.get(actor) ?? false
}

/** Checks that the folds of a pipeline have no row of a pending command when other code may read them. */
export function checkFolds({ w, beside, audit }: Run, actor: Actor | undefined): void {
  for (const { tab, shop } of beside) {
    if (tab.actor !== actor || tab.closed || tab.log!.database.deleted) continue
    for (const { fold } of shop.tracks ?? []) {
      const name = fold.identity.split('.')[0]!
      const index = audit.logOf(tab.log!.database).at.get(fold.sequence)
      const state = index === undefined ? undefined : tab.log!.entries[index]!.state[name]
      const expected = state?.rows.map(([k, n]) => `${k}=${n}`).join(' ')
      const rows = [...fold.slots].map(({ key, row }) => (name === 'count@1' ? `value=${row}` : `${key}=${row.n}`))
      const shown = rows.join(' ')
      if (shown === expected || (name === 'count@1' && !expected && shown === 'value=0')) continue
      w.fail(`guarantee 5: ${actor.name} folds ${name} at ${fold.sequence} as ${shown}; the fold is ${expected}`)
    }
  }
}
