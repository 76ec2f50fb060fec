import type { acts } from './acts.ts'
import type { Build } from './app.ts'
import { createRandom } from './random.ts'

/** An action on the library before the step `at`. `a` and `b` choose its target. */
export interface Action {
  readonly at: number
  readonly kind: keyof typeof acts
  readonly a: number
  readonly b: number
}
export interface Plan {
  readonly seed: number
  readonly profile: string
  readonly builds: readonly Build[]
  readonly workers: readonly string[]
  readonly pace: number
  readonly priorities: boolean
  /** The browser has a private file system. */
  readonly mirror: boolean
  /** Whether the browser refuses the private file system to every page, as some do in private windows. */
  readonly forbidden: boolean
  readonly actions: readonly Action[]
}
type Weights = Partial<Record<Action['kind'], number>>
interface Profile {
  readonly length: readonly [least: number, more: number]
  readonly weights: Weights
  readonly builds?: boolean
  /** Chance that a tab has no worker and runs the pipeline itself. */
  readonly inPage?: number
  /** Quiet times, in which pages are written and commits sealed. */
  readonly rests?: boolean
  /** Chance that the browser has a private file system. */
  readonly mirror?: number
  /** The sources do not fulfil this profile yet, so it is played only by name. */
  readonly pending?: boolean
}
const busy: Weights = { dispatch: 12, burst: 2, again: 2 }
const profiles: Record<string, Profile> = {
  calm: { length: [150, 250], weights: { ...busy, open: 1, close: 1, projected: 1 } },
  race: { length: [150, 300], weights: { ...busy, dispatch: 24, burst: 6, loseHints: 1, open: 1 } },
  network: { length: [200, 300], weights: { ...busy, open: 1, loseHints: 2, doubleHints: 1, swapHints: 1, calm: 1 } },
  crash: { length: [250, 300], weights: { ...busy, open: 2, crash: 2, crashWorker: 1, projected: 1, loseHints: 1 } },
  connection: { length: [250, 300], weights: { ...busy, open: 1, lose: 3, loseWorker: 1, projected: 1, loseHints: 1 } },
  freeze: { length: [250, 300], weights: { ...busy, open: 1, freeze: 2, thaw: 2, loseHints: 1, projected: 1 } },
  abort: { length: [200, 300], weights: { ...busy, open: 1, abortSome: 2, calm: 2, projected: 1, rebuild: 1 } },
  quota: { length: [200, 300], weights: { ...busy, open: 1, quotaSome: 2, quotaAll: 1, calm: 2, projected: 2 } },
  builds: { length: [250, 300], builds: true, weights: { ...busy, open: 3, crash: 1, projected: 1, loseHints: 1 } },
  worker: {
    length: [250, 300],
    weights: { ...busy, open: 1, crashWorker: 2, restartWorker: 2, projected: 3, rebuild: 1, freezeWorker: 1, thaw: 1 },
  },
  beside: {
    length: [350, 300],
    builds: true,
    inPage: 0.05,
    weights: {
      dispatch: 6,
      beside: 16,
      again: 2,
      freezeHolder: 1,
      reach: 2,
      thaw: 1.5,
      crashWorker: 0.7,
      restartWorker: 0.5,
      loseWorker: 1.5,
      loseCommits: 0.5,
      abortSome: 0.7,
      quotaSome: 0.5,
      calm: 1.5,
      loseHints: 0.7,
      projected: 1,
      rebuild: 0.5,
      poison: 0.3,
      open: 1,
      close: 0.5,
    },
  },
  drafts: {
    length: [350, 300],
    mirror: 0.2,
    weights: {
      dispatch: 4,
      draftBegin: 4,
      draftAppend: 24,
      draftEnd: 4,
      draftDiscard: 0.7,
      draftTakeOver: 3,
      draftWatch: 3,
      open: 1.5,
      close: 0.7,
      crash: 1.5,
      freeze: 1.5,
      thaw: 1.5,
      hide: 0.5,
      lose: 1,
      loseHints: 1,
      doubleHints: 0.5,
      swapHints: 0.5,
      loseCommits: 0.5,
      abortSome: 0.7,
      quotaSome: 0.5,
      readsFail: 0.5,
      calm: 2,
      wipe: 0.2,
      destroy: 0.2,
    },
  },
  rebuild: { length: [300, 300], inPage: 0.3, weights: { ...busy, open: 1, projected: 2, rebuild: 3, crashWorker: 1 } },
  signal: { length: [150, 250], weights: { ...busy, takeBack: 4, again: 4, close: 1, open: 1, lose: 1 } },
  replaced: { length: [250, 300], weights: { ...busy, open: 3, wipe: 1, remove: 1, freeze: 1, thaw: 1, loseHints: 1 } },
  seal: {
    length: [500, 400],
    rests: true,
    weights: { dispatch: 14, burst: 3, again: 4, deafen: 2, stale: 2, projected: 1, crash: 0.3, open: 0.5 },
  },
  sealed: {
    length: [500, 400],
    rests: true,
    weights: { dispatch: 14, burst: 3, again: 4, deafen: 2, stale: 4, loseCommits: 1, calm: 1, projected: 1, open: 1 },
  },
  under: {
    length: [500, 400],
    rests: true,
    weights: { dispatch: 14, again: 4, deafen: 3, stale: 6, projected: 3, open: 0.7 },
  },
  thaw: {
    length: [500, 400],
    rests: true,
    weights: { dispatch: 14, burst: 3, again: 3, freeze: 1.5, thaw: 0.7, lose: 1, stale: 1, projected: 1, open: 0.5 },
  },
  unknown: {
    length: [250, 300],
    weights: { ...busy, again: 6, loseCommits: 2, crashCommits: 1, calm: 1, open: 2, loseHints: 1, projected: 1 },
  },
  poison: {
    length: [250, 300],
    builds: true,
    weights: { ...busy, poison: 3, open: 3, projected: 2, rebuild: 1, crash: 1, crashWorker: 1, loseHints: 1 },
  },
  foreign: {
    length: [200, 300],
    weights: { ...busy, foreign: 4, wipe: 0.3, open: 2, loseHints: 1, crash: 1 },
  },
  mirror: {
    length: [350, 300],
    rests: true,
    mirror: 1,
    weights: {
      dispatch: 14,
      burst: 3,
      again: 3,
      loseDatabase: 0.7,
      restartBrowser: 0.7,
      open: 1,
      damage: 0.3,
      full: 0.3,
      calm: 0.5,
    },
  },
  lost: {
    length: [350, 300],
    rests: true,
    mirror: 1,
    builds: true,
    inPage: 0.4,
    weights: {
      dispatch: 14,
      again: 3,
      loseDatabase: 1,
      restartBrowser: 1,
      remove: 0.3,
      crashRestore: 3,
      crashMirror: 1,
      freezeMirror: 1,
      thaw: 2,
      open: 2,
      crash: 1,
      full: 0.3,
      destroy: 0.4,
      loseCommits: 0.3,
      abortSome: 0.3,
      quotaSome: 0.3,
      calm: 2,
      openBare: 0.3,
    },
  },
  unread: {
    length: [250, 300],
    weights: {
      ...busy,
      readsFail: 2,
      calm: 1,
      open: 2,
      lose: 0.5,
      projected: 1,
      loseHints: 0.5,
      crash: 0.5,
      history: 0.5,
    },
  },
  unloaded: {
    length: [250, 300],
    mirror: 0.3,
    weights: {
      ...busy,
      codeFails: 2,
      calm: 1,
      open: 2,
      lose: 1,
      quotaSome: 0.5,
      projected: 1,
      rebuild: 0.5,
      history: 1,
    },
  },
  losing: {
    length: [400, 300],
    rests: true,
    mirror: 0.6,
    weights: { ...busy, loseValue: 2, open: 3, close: 1, crash: 1, lose: 1, projected: 1, rebuild: 0.5, history: 1 },
  },
  unopened: {
    length: [350, 300],
    rests: true,
    mirror: 1,
    weights: { ...busy, filesFail: 2, loseDatabase: 1, restartUnread: 2, open: 2, calm: 1, crashMirror: 0.3 },
  },
  blocked: {
    length: [300, 300],
    mirror: 0.7,
    weights: {
      ...busy,
      block: 2,
      remove: 0.5,
      destroy: 1,
      open: 3,
      freeze: 0.5,
      thaw: 1,
      calm: 0.5,
      filesFail: 1.5,
    },
  },
  /** The faults of several devices follow from the seed alone. */
  devices: { length: [1, 1], weights: {} },
  /** The faults of reactions also follow from the seed alone. */
  reactions: { length: [1, 1], weights: {} },
  /** The faults of devices with reactions also follow from the seed alone. */
  sharedReactions: { length: [1, 1], weights: {} },
  alone: {
    length: [400, 400],
    mirror: 0.3,
    weights: { dispatch: 3, single: 2, open: 0.3, projected: 0.2 },
  },
  all: {
    length: [300, 400],
    builds: true,
    mirror: 0.3,
    inPage: 0.2,
    weights: {
      ...busy,
      open: 3,
      close: 1,
      crash: 1,
      crashWorker: 1,
      restartWorker: 1,
      lose: 2,
      loseWorker: 1,
      freeze: 1,
      freezeWorker: 1,
      thaw: 2,
      abortSome: 1,
      quotaSome: 1,
      calm: 2,
      loseHints: 1,
      doubleHints: 1,
      swapHints: 1,
      projected: 2,
      rebuild: 1,
      takeBack: 1,
      wipe: 0.3,
      remove: 0.3,
      history: 1,
      deafen: 1,
      stale: 1,
      loseCommits: 1,
      crashCommits: 1,
      loseCleanUp: 0.5,
      poison: 0.5,
      foreign: 1,
      loseDatabase: 0.5,
      restartBrowser: 0.5,
      crashRestore: 1,
      freezeMirror: 0.5,
      damage: 0.2,
      full: 0.3,
      destroy: 0.2,
      openBare: 0.3,
      readsFail: 0.5,
      codeFails: 0.5,
      filesFail: 0.3,
      loseValue: 0.4,
      block: 0.2,
      hide: 0.5,
    },
  },
}

export const profileNames: readonly string[] = Object.keys(profiles)
export const isPending = (profile: string): boolean => profiles[profile]!.pending ?? false

export function plan(seed: number): Plan {
  const random = createRandom(seed ^ 0x5eed)
  const profile = profileNames[seed % profileNames.length]!
  const { length, weights, builds, inPage = 0.15, rests = false, mirror = 0 } = profiles[profile]!
  const steps = length[0] + random.below(length[1])
  const other = profile === 'poison' ? 3 : random.pick<Build>([2, 2, 3])
  const kinds = Object.entries(weights) as [Action['kind'], number][]
  // Each run has a part of the kinds, so that runs combine different kinds.
  const used = kinds.filter(([kind]) => kind in busy || random.chance(0.75))
  const total = used.reduce((sum, [, weight]) => sum + weight, 0)
  const kind = (): Action['kind'] => {
    let roll = (random.below(1e6) / 1e6) * total
    for (const [name, weight] of used) if ((roll -= weight) < 0) return name
    return 'dispatch'
  }
  const actions: Action[] = []
  const rate = 0.03 + random.below(10) / 100
  let rest = 0
  for (let at = 10; at < steps; at++) {
    if (rests && at > rest && random.chance(0.02)) rest = at + 40 + random.below(60)
    if (at > rest && random.chance(rate)) actions.push({ at, kind: kind(), a: random.below(1e6), b: random.below(1e6) })
  }
  const tabs = 1 + random.below(3)
  const workers = ['shared', 'shared', 'shared', 'page', ...(seed % 5 ? [] : ['missing', 'silent'])]
  return {
    seed,
    profile,
    builds: [1, ...Array.from({ length: tabs }, () => (builds && random.chance(0.5) ? other : 1) as Build)],
    workers: Array.from({ length: 4 }, () => (random.chance(inPage) ? 'page' : random.pick(workers))),
    pace: random.pick(rests ? [20, 50] : [0.2, 1, 5, 40]),
    priorities: seed % 3 === 0,
    mirror: random.chance(mirror),
    forbidden: random.chance(0.05),
    actions,
  }
}
