import { openEngine } from 'tidemark'
import { destroy } from 'tidemark/tools'
import { hostProjections } from 'tidemark/worker'
import { type Build, type Command, createModel } from './app.ts'
import { type Audit, createAudit, type Dispatch, type Tab } from './audit.ts'
import { createMirrorAudit, LOCK, type MirrorAudit } from './auditMirror.ts'
import { type Browser, installBrowser, shout } from './browser.ts'
import { createFiles, type Files } from './files.ts'
import { real } from './globals.ts'
import { createStorage, type Storage } from './indexedDb.ts'
import { createRandom, type Random } from './random.ts'
import { type Actor, createWorld, endWorld, noFaults, Violation, type World } from './world.ts'

/** Something done to the library, before the step `at`. What it is done to follows from `a` and `b`. */
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
  readonly actions: readonly Action[]
}
export interface Result {
  readonly plan: Plan
  readonly steps: number
  readonly error: Error | undefined
  readonly hits: Readonly<Record<string, number>>
  readonly trace: readonly string[]
  readonly dispatches: number
  readonly commits: number
}

const KEYS = ['a', 'b', 'c', 'd']
const NAME = 'tidemark:sim'

// ---- planning

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
      forbid: 0.3,
      full: 0.3,
      destroy: 0.4,
      loseCommits: 0.3,
      abortSome: 0.3,
      quotaSome: 0.3,
      calm: 2,
      openBare: 0.3,
    },
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
      forbid: 0.2,
      full: 0.3,
      destroy: 0.2,
      openBare: 0.3,
    },
  },
}

export const profileNames: readonly string[] = Object.keys(profiles)

export function plan(seed: number): Plan {
  const random = createRandom(seed ^ 0x5eed)
  const profile = profileNames[seed % profileNames.length]!
  const { length, weights, builds, inPage = 0.15, rests = false, mirror = 0 } = profiles[profile]!
  const steps = length[0] + random.below(length[1])
  const other = profile === 'poison' ? 3 : random.pick<Build>([2, 2, 3])
  const kinds = Object.entries(weights) as [Action['kind'], number][]
  // A part of the kinds, so that runs differ in what comes together.
  const used = kinds.filter(([kind]) => kind in busy || random.chance(0.75))
  const total = used.reduce((sum, [, weight]) => sum + weight, 0)
  const kind = (): Action['kind'] => {
    let left = (random.below(1e6) / 1e6) * total
    for (const [name, weight] of used) if ((left -= weight) < 0) return name
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
    actions,
  }
}

// ---- doing

interface Run {
  readonly w: World
  readonly plan: Plan
  readonly storage: Storage
  readonly browser: Browser
  readonly audit: Audit
  readonly files: Files | undefined
  readonly mirror: MirrorAudit | undefined
  readonly tabs: Tab[]
  readonly random: Random
  /** What has to come to an end: name and whether it has. */
  readonly open: Set<{ readonly name: string; readonly tab: Tab }>
  opened: number
}

const inActor = ({ w }: Run, tab: Tab, run: () => void): void => {
  w.current = tab.actor
  run()
}
const usable = ({ tabs }: Run): Tab[] =>
  tabs.filter(({ actor, engine, closed }) => actor.alive && !actor.frozen && engine && !closed)
const heard = (run: Run): Tab[] => usable(run).filter(({ actor }) => !actor.deaf)
/** What this tab appends next falls under the seal. */
const isUnderSeal = ({ log, seen }: Tab): boolean => {
  const store = (name: string) => [...log!.database.rawObjectStores.get(name)!.records.values()]
  const newest = store('segments').at(-1)?.key ?? 0
  return newest > seen && !store('commits').some(({ key }) => key === seen + 1)
}
const living = ({ tabs }: Run): Tab[] => tabs.filter(({ actor }) => actor.alive)

/** Watches a promise of the library: it has to settle. */
function watch(run: Run, tab: Tab, name: string, promise: PromiseLike<unknown>, done?: (error: any) => void): void {
  const waiting = { name, tab }
  run.open.add(waiting)
  promise.then(
    () => {
      run.open.delete(waiting)
      done?.(undefined)
    },
    (error) => {
      run.open.delete(waiting)
      run.w.say(`      ${name}: ${error?.name} ${error?.message}`, tab.actor)
      const fine = ['EngineClosed', 'StorageError', 'OutdatedCodeError'].includes(error?.name)
      if (!fine && name !== 'openEngine') run.w.violation ??= new Violation(`${name} rejected with ${error?.stack}`)
      done?.(error)
    },
  )
}

function openTab(run: Run, build: Build, workers: string, bare = false): Tab {
  const { w, tabs, storage, audit } = run
  const actor = w.actor(`T${++run.opened}`, 'tab')
  const tab: Tab = {
    actor,
    build,
    bare,
    engine: undefined,
    failure: undefined,
    closed: false,
    log: undefined,
    seen: 0,
    shown: undefined,
    dispatches: [],
  }
  tabs.push(tab)
  inActor(run, tab, () => {
    w.say(`opens, build ${build}, worker ${workers}${bare ? ', no mirror' : ''}`)
    const options = {
      name: 'sim',
      ...(bare && { mirror: false }),
      ...(workers !== 'page' && { worker: () => new SharedWorker(`${workers} ${build}`) }),
    }
    watch(
      run,
      tab,
      'openEngine',
      openEngine(createModel(build), options).then((engine) => {
        tab.log = audit.logOf(storage.opened.get(actor)!)
        tab.engine = engine
        tab.seen = engine.status.sequence
      }),
      (error) => {
        if (!error) return
        tab.failure = error
        const { name } = error
        // A mere hiccup of the storage is no other log.
        const replaced = name === 'EngineClosed' && (w.hits['database deleted'] || w.hits.destroyed)
        if (name !== 'StorageError' && !replaced)
          w.violation ??= new Violation(`openEngine rejected: ${error.reason ?? ''} ${error.stack}`)
      },
    )
  })
  return tab
}

const commands = (build: Build, a: number): Command => {
  const k = KEYS[a % 4]!
  const j = KEYS[(a >> 2) % 4]!
  const n = 1 + ((a >> 4) % 3)
  const all: Command[] = [
    { name: 'take', input: { k } },
    { name: 'inc', input: { k } },
    { name: 'inc', input: { k } },
    { name: 'two', input: { k, j } },
    { name: 'move', input: { k, j } },
    { name: 'drop', input: { k } },
    { name: 'bump', input: { n } },
    { name: 'clear', input: { n } },
    { name: 'big', input: { k } },
    build === 2 ? { name: 'note', input: { k } } : { name: 'inc', input: { k: build === 3 || a % 40 === 0 ? '!' : k } },
  ]
  return all[(a >> 6) % all.length]!
}

function dispatch(run: Run, tab: Tab, command: Command, id: string | undefined, strict: boolean): void {
  const { w, audit } = run
  const sent: Dispatch = {
    number: audit.dispatches.length,
    tab,
    command,
    id,
    strict,
    log: tab.log!,
    called: tab.log!.entries.length - 1,
    abort: new AbortController(),
    result: 'pending',
    at: w.now,
  }
  audit.dispatches.push(sent)
  tab.dispatches.push(sent)
  inActor(run, tab, () => {
    w.say(
      `dispatches #${sent.number} ${command.name} ${JSON.stringify(command.input)} ${id ?? ''}${strict ? ' strict' : ''}`,
    )
    const promise = (tab.engine!.dispatch[command.name] as (...given: unknown[]) => Promise<unknown>)(command.input, {
      meta: { dispatch: sent.number },
      signal: sent.abort.signal,
      ...(id !== undefined && { commandId: id }),
      ...(strict && { durability: 'strict' }),
    })
    const guarded = (receipt: any, error: any): void => {
      try {
        audit.settled(sent, receipt, error)
      } catch (violation) {
        w.violation ??= violation as Error
      }
    }
    watch(
      run,
      tab,
      `dispatch ${sent.number}`,
      promise.then(
        (receipt) => guarded(receipt, undefined),
        (error) => guarded(undefined, error),
      ),
    )
  })
}

const any = <T>(list: readonly T[], n: number): T | undefined => list[n % (list.length || 1)]
const freeze = ({ w }: Run, actor: World['actors'][number] | undefined): void => {
  if (!actor) return
  actor.frozen = true
  w.say('frozen', actor)
  w.hit(`${actor.kind} frozen`)
}
const worker = ({ browser }: Run, a: number) => any([...browser.workers.values()], a)

function calmDown({ w, files, mirror }: Run): void {
  w.faults = noFaults()
  if (!files) return
  if (files.forbidden) mirror!.hidden()
  files.forbidden = false
  files.room = undefined
}

const acts = {
  dispatch(run: Run, a: number, b: number) {
    const tab = any(heard(run), b)
    if (tab) dispatch(run, tab, commands(tab.build, a), undefined, a % 11 === 0)
  },
  /** Several in one turn, as a user interface does. */
  burst(run: Run, a: number, b: number) {
    const tab = any(usable(run), b)
    for (let i = 0; tab && i < 2 + (a % 3); i++) {
      if (tab.engine && !tab.closed) dispatch(run, tab, commands(tab.build, (a * (i + 7)) % 1e6), undefined, false)
    }
  },
  /** With an id of the caller's own, which comes again, mostly with the same command. */
  again(run: Run, a: number, b: number) {
    const tab = any(run.plan.profile === 'under' ? heard(run) : usable(run), b)
    const id = ['x', 'y', 'z'][a % 3]!
    const command: Command =
      a % 17 === 0 ? commands(1, a) : { name: a % 3 ? 'inc' : 'take', input: { k: KEYS[a % 3]! } }
    if (tab) dispatch(run, tab, command, id, b % 7 === 0)
  },
  /** On a tab that has not heard of what the others did. */
  stale(run: Run, a: number, b: number) {
    const deaf = usable(run).filter(({ actor }) => actor.deaf)
    const tab = any(run.plan.profile === 'under' ? deaf.filter(isUnderSeal) : deaf, b)
    if (!tab) return
    if (a % 2) dispatch(run, tab, commands(tab.build, a), undefined, a % 11 === 0)
    else dispatch(run, tab, { name: 'inc', input: { k: KEYS[a % 4]! } }, ['x', 'y', 'z'][a % 3]!, false)
  },
  poison(run: Run, _a: number, b: number) {
    const tab = any(
      usable(run).filter(({ build }) => build === 3),
      b,
    )
    if (tab) dispatch(run, tab, { name: 'inc', input: { k: '!' } }, undefined, false)
  },
  /** A hint from another log, whose numbers fit. */
  foreign(run: Run, a: number) {
    const { tabs, w } = run
    const next = Math.max(0, ...tabs.map(({ seen }) => seen)) + 1
    const body = JSON.stringify([
      { id: 'f', at: 1, meta: { dispatch: 0 }, events: [{ type: 'added', data: { k: 'z' } }] },
    ])
    w.say('a page of another log speaks')
    shout(NAME, { log: a % 2 ? 'memory' : 'another', commit: { id: `f${a}`, first: next, last: next, body } })
  },
  deafen(run: Run, a: number) {
    const all = heard(run)
    if (all.length > 1) any(all, a)!.actor.deaf = true
  },
  loseCommits({ w }: Run, a: number) {
    w.say('connections begin to go at commits')
    w.faults.lose = 0.2 + (a % 5) / 10
  },
  crashCommits({ w }: Run, a: number) {
    w.faults.crash = 0.1 + (a % 3) / 20
  },
  loseCleanUp({ w }: Run, a: number) {
    w.faults.cleanUp = 0.3 + (a % 7) / 10
  },
  takeBack(run: Run, a: number) {
    const sent = any(
      usable(run).flatMap(({ dispatches }) => dispatches.filter(({ result }) => result === 'pending')),
      a,
    )
    if (sent) inActor(run, sent.tab, () => sent.abort.abort())
  },
  open(run: Run, a: number, b: number) {
    if (living(run).length < 4) openTab(run, any(run.plan.builds, a)!, any(run.plan.workers, b)!)
  },
  close(run: Run, a: number) {
    const tab = any(usable(run), a)
    if (!tab) return
    tab.closed = true
    inActor(run, tab, () => {
      run.w.say('closes')
      watch(run, tab, 'close', tab.engine!.close())
    })
  },
  crash(run: Run, a: number, b: number) {
    const tab = any(living(run), a)
    if (!tab) return
    run.w.say('crashes', tab.actor)
    run.w.hit('tab crashed')
    run.w.kill(tab.actor)
    if (b % 3) openTab(run, tab.build, any(run.plan.workers, b)!)
  },
  crashWorker(run: Run, a: number) {
    const found = worker(run, a)
    if (!found) return
    run.w.say('crashes', found.actor)
    run.w.hit('worker crashed')
    run.w.kill(found.actor)
  },
  restartWorker(run: Run, a: number) {
    const found = worker(run, a)
    if (!found?.actor.alive) return
    run.w.say('runs again on the same ports', found.actor)
    run.w.hit('worker restarted')
    run.browser.restart(found)
  },
  freezeWorker(run: Run, a: number) {
    freeze(run, worker(run, a)?.actor)
  },
  freeze(run: Run, a: number) {
    freeze(run, any(usable(run), a)?.actor)
  },
  thaw({ w }: Run) {
    // What was said in its sleep it does not hear.
    for (const actor of w.actors)
      if (actor.frozen && w.random.below(2))
        for (const lane of actor.lanes.keys()) if (lane.startsWith('channel')) actor.lanes.delete(lane)
    for (const actor of w.actors) if (actor.frozen) w.say('thaws', actor)
    for (const actor of w.actors) actor.frozen = false
  },
  lose(run: Run, a: number, b: number) {
    const tab = any(living(run), a)
    const connection = tab && any(run.storage.connectionsOf(tab.actor), b)
    if (!connection) return
    run.w.say('loses a connection', tab.actor)
    run.storage.lose(connection.id)
  },
  loseWorker(run: Run, a: number) {
    const found = worker(run, a)
    const connection = found && any(run.storage.connectionsOf(found.actor), a)
    if (!connection) return
    run.w.say('loses its connection', found.actor)
    run.storage.lose(connection.id)
  },
  wipe({ w, storage }: Run) {
    w.say('the storage is wiped')
    storage.wipe(NAME)
  },
  remove({ w, storage }: Run) {
    w.say('the database is asked to go')
    storage.delete(NAME)
  },
  /** The browser finds its database damaged, and makes a new one. */
  loseDatabase({ w, storage }: Run) {
    w.say('the browser loses the database')
    storage.wipe(NAME)
  },
  /** All of it ends at once; its database may be gone at the next start. */
  restartBrowser(run: Run, a: number, b: number) {
    const { w, files, storage } = run
    w.say('the browser crashes')
    w.hit('browser crashed')
    files?.crash()
    for (const actor of [...w.actors]) w.kill(actor)
    if (a % 3) storage.wipe(NAME)
    for (let i = 0; i <= b % 3; i++) openTab(run, any(run.plan.builds, b + i)!, any(run.plan.workers, a + i)!)
  },
  /** In the middle of bringing a log back. */
  crashRestore(run: Run, a: number) {
    const { w, browser } = run
    const found = browser.holder('tidemark:restore:sim')
    if (!found) return
    w.say('crashes as it restores', found)
    w.hit('crashed in a restore')
    w.kill(found)
    openTab(run, any(run.plan.builds, a)!, any(run.plan.workers, a)!)
  },
  crashMirror({ w, browser }: Run) {
    const found = browser.holder(LOCK)
    if (!found) return
    w.say('crashes as it may write the mirror', found)
    w.hit('mirror crashed')
    w.kill(found)
  },
  freezeMirror(run: Run) {
    freeze(run, run.browser.holder(LOCK))
  },
  damage(run: Run, a: number, b: number) {
    if (!run.files?.damage(a, b)) return
    run.mirror!.damaged = true
    run.w.hit('file damaged')
  },
  forbid({ w, files }: Run) {
    if (!files) return
    w.say('the private files are forbidden')
    files.forbidden = true
  },
  full({ w, files }: Run, a: number) {
    if (!files) return
    w.say('there is little room for files')
    files.room = (a % 5) * 300
  },
  destroy(run: Run, a: number) {
    const tab = any(usable(run), a)
    if (!tab) return
    const { w, mirror, audit } = run
    inActor(run, tab, () => {
      w.say('destroys its log')
      w.hit('destroyed')
      const { log, actor } = tab
      for (const one of audit.logs.values()) if (one === log || !one.database.deleted) one.destroying = true
      mirror?.destroying.add(actor)
      tab.closed = true
      const hidden = mirror?.hides()
      watch(run, tab, 'destroy', destroy(tab.engine!), (error) => {
        // What nobody may look at, nobody can remove.
        if (!error && hidden === mirror?.hides())
          for (const one of audit.logs.values())
            if (one.identity?.lineage === log!.identity?.lineage) one.destroyed = true
      })
    })
  },
  openBare(run: Run, a: number, b: number) {
    if (living(run).length < 4) openTab(run, any(run.plan.builds, a)!, any(run.plan.workers, b)!, true)
  },
  abortSome({ w }: Run, a: number) {
    w.say('transactions begin to fail')
    w.faults.abort = 0.1 + (a % 5) / 10
  },
  quotaSome({ w }: Run, a: number) {
    w.say('space is short')
    w.faults.quota = 0.1 + (a % 5) / 10
  },
  quotaAll({ w }: Run) {
    w.say('there is no space')
    w.faults.quota = 1
  },
  loseHints({ w }: Run, a: number) {
    w.faults.drop = 0.3 + (a % 8) / 10
  },
  doubleHints({ w }: Run) {
    w.faults.double = 0.5
  },
  swapHints({ w }: Run) {
    w.faults.swap = true
  },
  calm(run: Run) {
    run.w.say('faults end')
    calmDown(run)
  },
  projected(run: Run, a: number) {
    const tab = any(usable(run), a)
    if (tab) inActor(run, tab, () => watch(run, tab, 'projected', tab.engine!.projected()))
  },
  rebuild(run: Run, a: number) {
    const tab = any(usable(run), a)
    if (!tab) return
    inActor(run, tab, () => {
      run.w.say('rebuilds')
      watch(run, tab, 'rebuild', tab.engine!.rebuild())
    })
  },
  history(run: Run, a: number) {
    const tab = any(usable(run), a)
    if (!tab) return
    inActor(run, tab, () => {
      const { sequence } = tab.engine!.status
      const read = async () => {
        let next = 1
        for await (const event of tab.engine!.history()) {
          if (event.sequence !== next) run.w.violation ??= new Violation(`history gives ${event.sequence} for ${next}`)
          next++
        }
        if (next !== sequence + 1)
          run.w.violation ??= new Violation(`history ends at ${next - 1}, the head was ${sequence}`)
      }
      watch(run, tab, 'history', read())
    })
  },
}

/** Steps, and virtual milliseconds, in which nothing settles, after which what is not settled never will. */
const END_STEPS = 30_000
const END_TIME = 120_000

/** Runs a plan to its end, where there are no more faults and everything has to come to rest. */
export function execute(plan: Plan, { traced = false }: { traced?: boolean } = {}): Promise<Result> {
  const w = createWorld(plan.seed, traced)
  w.pace = plan.pace
  // Most errors here are rejections that nobody looks at.
  Error.stackTraceLimit = traced ? 20 : 0
  if (plan.profile === 'under') w.faults.cleanUp = 0.7
  if (plan.priorities) w.priorities = new Map()
  const storage = createStorage(w)
  const audit = createAudit(w, storage)
  const scripts = new Map<string, () => void>([
    ...([1, 2, 3] as const).map((build) => [`shared ${build}`, () => hostProjections(createModel(build))] as const),
    ...([1, 2, 3] as const).map((build) => [`silent ${build}`, () => {}] as const),
  ])
  const files = plan.mirror ? createFiles(w) : undefined
  const browser = installBrowser(w, storage, files, scripts)
  const run: Run = {
    w,
    plan,
    storage,
    browser,
    audit,
    files,
    mirror: undefined,
    tabs: [],
    random: w.random,
    open: new Set(),
    opened: 0,
  }
  if (files) {
    const bare = (actor: Actor): boolean => run.tabs.some((tab) => tab.actor === actor && tab.bare)
    const mirror = createMirrorAudit(w, storage, files, browser, audit, bare)
    audit.identified = mirror.identified
    Object.assign(run, { mirror })
  }
  w.after.push((actor) => {
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
    let phase: 'faults' | 'rest' | 'more' | 'boot' | 'mirror' | 'over' = 'faults'
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
      for (const actor of w.actors) actor.frozen = actor.deaf = false
    }

    /** After the faults: everyone writes once more, which brings everyone to the head; then a fresh tab. */
    const advance = (): void => {
      if (phase === 'faults') {
        phase = 'rest'
        w.say('faults end; everything has to come to rest')
        quieten()
      } else if (phase === 'rest') {
        phase = 'more'
        const alive = usable(run).filter(({ engine }) => engine!.status.state === 'ready')
        for (const tab of alive)
          queue.push(() => {
            if (tab.engine!.status.state === 'ready')
              dispatch(run, tab, { name: 'bump', input: { n: 1 } }, undefined, false)
          })
      } else if (phase === 'more') {
        phase = 'boot'
        // After the last commit: what this tab does not find in the log, nobody tells it.
        queue.push(() => {
          fresh = openTab(run, 2, 'shared')
        })
      } else if (phase === 'boot' && fresh?.engine && run.mirror && !run.mirror.damaged) {
        phase = 'mirror'
        const { log } = fresh
        following = { name: 'the mirror', tab: fresh }
        run.open.add(following)
        w.after.push(() => {
          if (run.mirror!.follows(log!) || run.mirror!.barred(log!)) run.open.delete(following!)
        })
      } else {
        phase = 'over'
        if (!fresh?.engine) w.violation ??= new Violation(`a fresh tab did not open: ${fresh?.failure}`)
        else last(fresh)
      }
    }

    function last(tab: Tab): void {
      try {
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
    /** Each callback of a batch has its microtasks to itself, and the event loop is asked once for all of them. */
    const batch = () => {
      for (let i = 0; i < 50; i++) real.setImmediate(tick)
      real.setImmediate(() => over || batch())
    }
    const tick = () => {
      if (over) return
      w.settle()
      if (w.violation) return finish()
      // Nobody waits any more for what a tab that is gone was to do.
      for (const waiting of run.open) if (!waiting.tab.actor.alive) run.open.delete(waiting)
      // Of many rebuilds at once each that ends lets the others begin anew.
      if (phase === 'faults' || run.open.size !== unsettled) {
        unsettled = run.open.size
        limit = w.steps + END_STEPS
        deadline = w.now + END_TIME
      }
      const act = queue.shift()
      if (act) {
        act()
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
          // Quiet before its time: what is to be done comes now.
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
