import { hostProjections } from 'tidemark/worker'
import { createModel } from './app.ts'
import { installBrowser } from './browser.ts'
import {
  act,
  type Device,
  type Devices,
  dispatchOn,
  isLate,
  mayOpen,
  openDeviceTab,
  THEMES,
  usable,
} from './deviceActs.ts'
import { auditAll, auditCommit, auditShown, isAgreed, isForked, stateOf } from './deviceAudit.ts'
import { createNetwork } from './deviceNetwork.ts'
import { createFiles } from './files.ts'
import { real } from './globals.ts'
import { createStorage } from './indexedDb.ts'
import type { Plan } from './plan.ts'
import type { Result } from './run.ts'
import { createWorld, endWorld, noFaults, Violation, type World } from './world.ts'

/**
 * Devices with a remote between them. Each has its own engine name, so it has its own database, channel and locks. Everything that a
 * device or the network may suffer happens at any step. Afterwards all recover, and the audit decides the shared log again from its messages.
 */

/** Steps of the final phase, within which the devices have to agree. */
const END_STEPS = 15_000
/** The most steps between two checks of whether the devices agree. The number varies, because the devices have their own rhythm. */
const LOOK_STEPS = 20

export function executeDevices(plan: Plan, { traced = false }: { traced?: boolean } = {}): Promise<Result> {
  const w = createWorld(plan.seed, traced)
  w.pace = plan.pace
  Error.stackTraceLimit = traced ? 20 : 0
  if (plan.priorities) w.priorities = new Map()
  const all = createDevices(w, plan.seed)
  // Writing the second copy takes a while.
  if (all.theme === 'losses') w.pace = w.random.pick([20, 200])

  const rejected = (error: unknown): void => {
    w.violation ??= new Violation(`unhandled rejection: ${(error as Error)?.stack ?? error}`)
  }
  process.on('unhandledRejection', rejected)

  return new Promise((resolve) => {
    const end = (): void => {
      process.off('unhandledRejection', rejected)
      endWorld()
      const { steps, violation: error, hits, trace = [] } = w
      resolve({ plan, steps, error, hits, trace, dispatches: all.sent.length, commits: 0 })
    }
    const next = createCourse(w, all)
    let over = false
    const tick = (): void => {
      if (over) return
      w.settle()
      over = w.violation !== undefined || next() === 'over'
      if (over) end()
    }
    const batch = (): void => {
      for (let i = 0; i < 50; i++) real.setImmediate(tick)
      real.setImmediate(() => over || batch())
    }
    batch()
  })
}

function createDevices(w: World, seed: number): Devices {
  const { random } = w
  const storage = createStorage(w)
  const network = createNetwork(w, seed)
  const isOld = random.chance(0.3)
  // Imports and restores beside an outbox need several things to meet.
  const theme = random.pick([...THEMES, 'files', 'losses'] as const)
  const hasMirrors = random.chance(theme === 'losses' ? 0.8 : 0.1)
  const devices: Device[] = Array.from({ length: 2 + random.below(2) }, (_, d) => {
    const device = network.server.device()
    const name = `sim${d}`
    return {
      d,
      name,
      network: device,
      remote: network.remoteOf(name, device),
      tabs: [],
      mirror: hasMirrors && random.chance(0.7),
      // The other devices begin when this one has sent something, because logs that begin separately are different logs.
      isOld: d === 0 && isOld,
    }
  })
  const scripts = devices.flatMap(({ name, remote }) =>
    ['1', '2', 'older'].map(
      (script) => [`${name} ${script}`, () => hostProjections(createModel(1, script === 'older'), { remote })] as const,
    ),
  )
  const files = hasMirrors ? createFiles(w, false) : undefined
  const all: Devices = {
    w,
    storage,
    browser: installBrowser(w, storage, files, new Map(scripts)),
    files,
    network,
    devices,
    sent: [],
    open: new Set(),
    goesBack: random.chance(0.3),
    isOld,
    theme,
    exports: [],
    soon: [],
    opened: 0,
  }
  storage.committed = (database, stores) => auditCommit(all, database, stores)
  return all
}

/** The steps of a run: faults for a while, then none, after which the devices have to agree. */
function createCourse(w: World, all: Devices): () => 'over' | undefined {
  const { random } = w
  // Many short runs and some long ones: most mistakes need few steps, and the final phase takes as many again.
  const isLong = random.chance(all.theme === 'losses' ? 0.6 : all.theme === 'files' ? 0.3 : 0.08)
  const length = isLong ? 400 + random.below(700) : 40 + random.below(160)
  const rate = 0.05 + random.below(15) / 100
  let limit = Number.POSITIVE_INFINITY
  let next = 5
  let nextLook = 0
  for (const device of all.devices)
    if (mayOpen(all, device) && device !== isLate(all))
      for (let tabs = 1 + random.below(2); tabs--; ) all.soon.push(() => openDeviceTab(all, device))

  function check(): 'over' | undefined {
    if (isForked(all)) {
      w.hit('devices: forked or gone')
      return 'over'
    }
    if (!isAgreed(all)) return
    try {
      auditAll(all)
    } catch (error) {
      w.violation ??= error as Error
    }
    return 'over'
  }

  return () => {
    auditShown(all)
    const first = all.soon.shift()
    const isCalm = limit < Number.POSITIVE_INFINITY
    if (first) first()
    else if (!isCalm && w.steps >= length) {
      limit = w.steps + END_STEPS
      all.soon.push(...calm(w, all))
    } else if (!isCalm && w.steps >= next) {
      next = w.steps + 1 + random.below(Math.ceil(1 / rate) * 4)
      act(all)
    } else if (isCalm && w.steps >= nextLook) {
      nextLook = w.steps + 1 + random.below(LOOK_STEPS)
      return check()
    } else if (w.steps > limit) {
      w.violation ??= new Violation(`S11: the devices never agree: ${all.open.size} open; ${stateOf(all)}`)
      return 'over'
    } else if (!w.step()) {
      // No move is left.
      if (!isCalm) w.steps = Math.max(w.steps + 1, next)
      else if (check() === 'over') return 'over'
      else w.steps = limit + 1
    }
    return
  }
}

/** Ends the faults and lets all devices recover. Yields the actions of that phase, one after the other. */
function calm(w: World, all: Devices): (() => void)[] {
  const { devices, network, isOld } = all
  w.say('faults end; the devices have to agree')
  w.faults = noFaults()
  w.priorities = undefined
  for (const actor of w.actors) Object.assign(actor, { frozen: false, deaf: false })
  for (const device of devices) device.network.set({ offline: false, denied: false, faults: {}, latency: 0 })
  network.arrive()
  if (isOld) {
    // A log goes online only if one tab opens it alone, and a tab that is still closing counts.
    devices[0]!.isOld = false
    for (const { actor } of devices[0]!.tabs) w.kill(actor)
  }
  // The last tab of the former deploy closes, and its worker ends with it.
  for (const [url, { actor }] of [...all.browser.workers]) if (url.endsWith('older')) w.kill(actor)
  return [
    // A tab that missed every hint finds out when it writes.
    ...usable(all).map((tab) => () => tab.actor.alive && !tab.closed && dispatchOn(all, tab)),
    ...devices.map((device) => () => openDeviceTab(all, device, '1')),
  ]
}
