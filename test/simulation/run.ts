import { hostProjections } from 'tidemark/worker'
import { acts, any, calmDown, dispatch, inActor, NAME, openTab, type Run, usable, watch } from './acts.ts'
import { type Build, createModel } from './app.ts'
import { createAudit, type Tab } from './audit.ts'
import { createFollowAudit, RECOVERY } from './auditFollow.ts'
import { createMirrorAudit } from './auditMirror.ts'
import { besideScript, checkFolds, watchHolders } from './beside.ts'
import { installBrowser } from './browser.ts'
import { executeDevices } from './devices.ts'
import { createDraftAudit } from './drafts.ts'
import { createFiles } from './files.ts'
import { real } from './globals.ts'
import { createStorage } from './indexedDb.ts'
import type { Plan } from './plan.ts'
import { executeReactions } from './reactions.ts'
import { executeSharedReactions } from './sharedReactions.ts'
import { type Actor, createWorld, endWorld, Violation } from './world.ts'

export interface Result {
  readonly plan: Plan
  readonly steps: number
  readonly error: Error | undefined
  readonly hits: Readonly<Record<string, number>>
  readonly trace: readonly string[]
  readonly dispatches: number
  readonly commits: number
}

/** Steps and virtual milliseconds without a settled promise, after which an open one never settles. */
const END_STEPS = 30_000
const END_TIME = 120_000

/** Runs a plan to its end. Then the faults stop, and everything has to come to rest. */
export function execute(plan: Plan, { traced = false }: { traced?: boolean } = {}): Promise<Result> {
  if (plan.profile === 'devices') return executeDevices(plan, { traced })
  if (plan.profile === 'reactions') return executeReactions(plan, { traced })
  if (plan.profile === 'sharedReactions') return executeSharedReactions(plan, { traced })
  const w = createWorld(plan.seed, traced)
  w.pace = plan.pace
  // Most errors here are unhandled rejections.
  Error.stackTraceLimit = traced ? 20 : 0
  if (plan.profile === 'under') w.faults.cleanUp = 0.7
  if (plan.priorities) w.priorities = new Map()
  const storage = createStorage(w)
  const audit = createAudit(w, storage)
  const scriptOf = (build: Build): (() => void) =>
    plan.profile === 'beside' ? besideScript(() => run, build) : () => hostProjections(createModel(build))
  const scripts = new Map<string, () => void>([
    ...([1, 2, 3] as const).map((build) => [`shared ${build}`, scriptOf(build)] as const),
    ...([1, 2, 3] as const).map((build) => [`silent ${build}`, () => {}] as const),
  ])
  const files = plan.mirror ? createFiles(w, plan.forbidden) : undefined
  const browser = installBrowser(w, storage, files, scripts)
  const run: Run = {
    w,
    plan,
    storage,
    browser,
    audit,
    files,
    mirror: undefined,
    follow: createFollowAudit(w, browser),
    drafts: createDraftAudit(w, storage, audit),
    tabs: [],
    beside: [],
    random: w.random,
    open: new Set(),
    opened: 0,
    quietUntil: 0,
    isIncomplete: false,
    appointments: [],
  }
  if (files && !plan.forbidden) {
    const bare = (actor: Actor): boolean => run.tabs.some((tab) => tab.actor === actor && tab.bare)
    const mirror = createMirrorAudit(w, storage, files, browser, audit, bare)
    audit.identified = mirror.identified
    Object.assign(run, { mirror })
  }
  if (plan.profile === 'beside') audit.isHolder = watchHolders(w, run)
  w.after.push((actor) => {
    checkFolds(run, actor)
    for (const tab of run.tabs) if (tab.actor === actor && actor?.alive) audit.checkTab(tab)
  })
  const rejected = (error: unknown): void => {
    w.violation ??= Object.assign(error instanceof Error ? error : new Error(String(error)), {
      message: `unhandled rejection: ${(error as Error)?.message ?? error}`,
    })
  }
  process.on('unhandledRejection', rejected)

  return new Promise((resolve) => {
    const queue: (() => void)[] = plan.builds.map((build, i) => () => void openTab(run, build, any(plan.workers, i)!))
    let next = 0
    let phase: 'faults' | 'rest' | 'recovery' | 'more' | 'boot' | 'drafts' | 'mirror' | 'over' = 'faults'
    let limit = 0
    let deadline = 0
    let unsettled = 0
    let fresh: Tab | undefined
    let following: { readonly name: string; readonly tab: Tab } | undefined

    const finish = (): void => {
      over = true
      process.off('unhandledRejection', rejected)
      endWorld()
      resolve({
        plan,
        steps: w.steps,
        error: w.violation,
        hits: w.hits,
        trace: w.trace ?? [],
        dispatches: audit.dispatches.length,
        commits: [...run.audit.dispatches].length,
      })
    }
    const quieten = (): void => {
      calmDown(run)
      w.priorities = undefined
      for (const actor of w.actors) actor.frozen = actor.deaf = actor.hidden = false
    }

    /** After the faults, every tab writes once more, which brings it to the head. Then a new tab opens. */
    const advance = (): void => {
      if (phase === 'faults') {
        phase = 'rest'
        w.say('faults end; everything has to come to rest')
        quieten()
      } else if (phase === 'rest') {
        phase = 'recovery'
        run.appointments.push({ at: w.now + RECOVERY, keep: () => run.tabs.forEach(run.follow.checkRecovered) })
      } else if (phase === 'recovery') {
        phase = 'more'
        const alive = usable(run).filter(({ engine }) => engine!.status.state === 'ready')
        for (const tab of alive)
          queue.push(() => {
            if (tab.engine!.status.state === 'ready')
              dispatch(run, tab, { name: 'bump', input: { n: 1 } }, undefined, false)
          })
      } else if (phase === 'more') {
        phase = 'boot'
        // This tab opens after the last commit, so it finds everything in the log and gets no hint.
        queue.push(() => {
          fresh = openTab(run, 2, 'shared')
        })
      } else if (phase === 'boot' && fresh?.engine && plan.profile === 'drafts') {
        phase = 'drafts'
        const tab = fresh
        queue.push(() => inActor(run, tab, () => watch(run, tab, 'drafts', run.drafts.check(tab))))
      } else if (phase === 'boot' && fresh?.engine && run.mirror && !run.mirror.damaged && !run.isIncomplete) {
        phase = 'mirror'
        const { log } = fresh
        following = { name: 'the mirror', tab: fresh }
        run.open.add(following)
        w.after.push(() => {
          if (run.mirror!.follows(log!) || run.mirror!.barred(log!)) run.open.delete(following!)
        })
      } else {
        phase = 'over'
        // Data that was lost and is in no second copy cannot be checked.
        const excused = run.isIncomplete && storage.lostIn(NAME, 'bodies').length > 0
        if (fresh?.engine) last(fresh)
        else if (!excused || fresh?.failure?.name !== 'StorageError')
          w.violation ??= new Violation(`a fresh tab did not open: ${fresh?.failure}`)
      }
    }

    /** Checks that an engine that did not open or was closed holds nothing. */
    function checkLeft({ actor, engine, failure, closed }: Tab): void {
      if (!actor.alive || !(closed || (failure && !engine))) return
      const { length } = storage.connectionsOf(actor)
      const kept = `${length} connections and ${actor.timers.size} timers`
      if (length || actor.timers.size) w.fail(`${actor.name} is ${closed ? 'closed' : 'not open'} and keeps ${kept}`)
    }

    function last(tab: Tab): void {
      try {
        run.tabs.forEach(checkLeft)
        const { engine, log } = tab
        const head = log!.entries.at(-1)!.last
        if (engine!.status.sequence !== head)
          w.fail(`a fresh tab stands at ${engine!.status.sequence}; the log ends at ${head}`)
        audit.checkTab(tab)
        audit.checkStored(log!.database)
      } catch (error) {
        w.violation ??= error as Error
      }
    }

    let over = false
    /** Runs many steps per turn of the event loop. The microtasks of each step still run separately. */
    const batch = () => {
      for (let i = 0; i < 50; i++) real.setImmediate(tick)
      real.setImmediate(() => over || batch())
    }
    const tick = () => {
      if (over) return
      w.settle()
      if (w.violation) return finish()
      // No caller waits any more for the work of a tab that is gone.
      for (const waiting of run.open) if (!waiting.tab.actor.alive) run.open.delete(waiting)
      // When one of many simultaneous rebuilds ends, the others may begin again.
      if (phase === 'faults' || run.open.size !== unsettled) {
        unsettled = run.open.size
        limit = w.steps + END_STEPS
        deadline = w.now + END_TIME
      }
      const act = queue.shift()
      const [due] = run.appointments
      if (act) {
        act()
      } else if (due) {
        if (due.at > w.now && w.step(due.at)) return
        w.now = Math.max(w.now, due.at)
        run.appointments.shift()
        try {
          due.keep()
        } catch (error) {
          w.violation ??= error as Error
        }
      } else if (phase === 'faults' && plan.actions[next] && plan.actions[next]!.at <= w.steps) {
        const { kind, a, b } = plan.actions[next++]!
        w.hit(`did ${kind}`)
        acts[kind](run, a, b)
      } else if (phase === 'faults' && next >= plan.actions.length) advance()
      else if (phase !== 'faults' && !run.open.size) {
        advance()
        if ((phase as string) === 'over') return finish()
      } else if (w.steps > limit || w.now > deadline) {
        const [first] = run.open
        w.violation ??= new Violation(`${first!.name} of ${first!.tab.actor.name} never settles`)
      } else if (!w.step()) {
        if (phase === 'faults') {
          // The run is quiet early, so the next action is done now.
          w.steps = plan.actions[next]?.at ?? w.steps
          if (w.actors.some(({ frozen }) => frozen)) acts.thaw(run)
        } else {
          const [first] = run.open
          w.violation ??= new Violation(
            `${first!.name} of ${first!.tab.actor.name} never settles: nothing is left to happen`,
          )
        }
      }
    }
    batch()
  })
}
