import { openEngine } from 'tidemark'
import { destroy } from 'tidemark/tools'
import type { Workshop } from '../../src/projections/workshop.ts'
import { type Build, type Command, createModel } from './app.ts'
import type { Audit, Dispatch, Tab } from './audit.ts'
import type { FollowAudit } from './auditFollow.ts'
import { LOCK, type MirrorAudit } from './auditMirror.ts'
import { reach, usableBeside } from './beside.ts'
import { type Browser, shout } from './browser.ts'
import type { DraftAudit } from './drafts.ts'
import type { Files } from './files.ts'
import { readStore, type Storage } from './indexedDb.ts'
import type { Plan } from './plan.ts'
import type { Random } from './random.ts'
import { failOnce } from './single.ts'
import { noFaults, type Spell, Violation, type World } from './world.ts'

/** The actions on the library. Two numbers choose the target of each. */

const KEYS = ['a', 'b', 'c', 'd']
const DRAFTS = ['p', 'q']
export const NAME = 'tidemark:sim'

export interface Run {
  readonly w: World
  readonly plan: Plan
  readonly storage: Storage
  readonly browser: Browser
  readonly audit: Audit
  readonly files: Files | undefined
  readonly mirror: MirrorAudit | undefined
  readonly follow: FollowAudit
  readonly drafts: DraftAudit
  readonly tabs: Tab[]
  /** Engines that work in workers, as they opened. */
  readonly beside: { readonly tab: Tab; readonly shop: Workshop }[]
  readonly random: Random
  /** The promises that have to settle, with names for messages. */
  readonly open: Set<{ readonly name: string; readonly tab: Tab }>
  opened: number
  /** No other action is done before this moment. */
  quietUntil: number
  /** The browser lost a piece of a log that was in no second copy. */
  isIncomplete: boolean
  /** The actions with a fixed moment, the earliest first. */
  readonly appointments: { readonly at: number; readonly keep: () => void }[]
}

export const inActor = ({ w, follow }: Run, tab: Tab, run: () => void): void => {
  w.current = tab.actor
  follow.stimulated(tab.actor)
  run()
}
export const usable = ({ tabs }: Run): Tab[] =>
  tabs.filter(({ actor, engine, closed }) => actor.alive && !actor.frozen && engine && !closed)
const heard = (run: Run): Tab[] => usable(run).filter(({ actor }) => !actor.deaf)
/** Whether the next append of this tab is at a sequence that is sealed already. */
const isUnderSeal = ({ log, seen }: Tab): boolean => {
  const store = (name: string) => readStore(log!.database, name)
  const newest = store('segments').at(-1)?.key ?? 0
  return newest > seen && !store('commits').some(({ key }) => key === seen + 1)
}
export const living = ({ tabs }: Run): Tab[] => tabs.filter(({ actor }) => actor.alive)

/** Watches a promise of the library, which has to settle. */
export function watch(
  run: Run,
  tab: Tab,
  name: string,
  promise: PromiseLike<unknown>,
  done?: (error: any) => void,
): void {
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

export function openTab(run: Run, build: Build, workers: string, bare = false): Tab {
  const { w, tabs, storage, audit, follow } = run
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
  const stood = storage.databases.get(NAME)
  const head = stood ? audit.logOf(stood).entries.at(-1)!.last : 0
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
        const { state, sequence } = engine.status
        if (tab.log.database === stood && !stood.deleted && state === 'ready' && sequence < head)
          w.fail(`guarantee 9: ${actor.name} opens at ${sequence}; the log ended at ${head} when it was asked to`)
        follow.opened(tab)
      }),
      (error) => {
        if (!error) return
        tab.failure = error
        const { name } = error
        // A short failure of the storage must not look like another log.
        const replaced = name === 'EngineClosed' && (w.hits['database deleted'] || w.hits.destroyed)
        if (name !== 'StorageError' && !replaced)
          w.violation ??= new Violation(`openEngine rejected: ${error.reason ?? ''} ${error.stack}`)
      },
    )
  })
  return tab
}

export const commands = (build: Build, a: number): Command => {
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

export function dispatch(
  run: Run,
  tab: Tab,
  command: Command,
  id: string | undefined,
  strict: boolean,
): Promise<unknown> {
  const { w, audit } = run
  let answer: Promise<unknown> = Promise.resolve()
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
    const options = {
      meta: { dispatch: sent.number },
      signal: sent.abort.signal,
      ...(id !== undefined && { commandId: id }),
      ...(strict && { durability: 'strict' }),
    }
    const send = tab.engine?.dispatch[command.name] as ((...given: unknown[]) => Promise<unknown>) | undefined
    const promise = send ? send(command.input, options) : tab.send!(command.name, command.input, options)
    answer = promise
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
  return answer
}

export const any = <T>(list: readonly T[], n: number): T | undefined => list[n % (list.length || 1)]
const freeze = ({ w }: Run, actor: World['actors'][number] | undefined): void => {
  if (!actor) return
  actor.frozen = true
  w.say('frozen', actor)
  w.hit(`${actor.kind} frozen`)
}
export const worker = ({ browser }: Run, a: number) => any([...browser.workers.values()], a)

export function calmDown({ w, files, storage }: Run): void {
  w.faults = noFaults()
  storage.unblock()
  if (files) files.room = undefined
}

/** The possible lengths of a failure, in virtual milliseconds. */
const LENGTHS = [100, 1000, 5000, 20_000, Infinity]
/** Virtual milliseconds before a single failure in which no other action happens. */
const BEFORE = 12_000
/** Virtual milliseconds after which the lock of an engine that does not answer has been stolen. */
const STOLEN = 20_000

function spell(run: Run, what: string, a: number, b: number): Spell {
  const { w } = run
  const of = any(w.actors, b)
  const length = LENGTHS[a % LENGTHS.length]!
  const one = b % 3 > 0 && of
  w.say(`${what} for ${length} ms${one ? ` in ${one.name}` : ''}`)
  return { share: a % 2 ? 1 : 0.5, until: w.now + length, ...(one && { of: one }) }
}

export const acts = {
  dispatch(run: Run, a: number, b: number) {
    const tab = any(heard(run), b)
    if (tab) dispatch(run, tab, commands(tab.build, a), undefined, a % 11 === 0)
  },
  /** Several commands in one turn, as a user interface dispatches them. */
  burst(run: Run, a: number, b: number) {
    const tab = any(usable(run), b)
    for (let i = 0; tab && i < 2 + (a % 3); i++) {
      if (tab.engine && !tab.closed) dispatch(run, tab, commands(tab.build, (a * (i + 7)) % 1e6), undefined, false)
    }
  },
  /** Dispatches by an engine in a worker, also with an id that others use. */
  beside(run: Run, a: number, b: number) {
    const tab = any(usableBeside(run), b)
    const id = a % 5 ? undefined : ['x', 'y', 'z'][a % 3]!
    const own = commands(tab?.build ?? 1, a)
    if (tab)
      dispatch(run, tab, id ? { name: a % 3 ? 'inc' : 'take', input: { k: KEYS[a % 3]! } } : own, id, a % 11 === 0)
    for (let i = a % 4; tab && i--; ) dispatch(run, tab, commands(tab.build, (a * (i + 7)) % 1e6), undefined, false)
  },
  reach(run: Run, a: number) {
    const tab = any(usable(run), a)
    if (tab) inActor(run, tab, () => watch(run, tab, 'reach', reach(run, tab)))
  },
  /** Freezes an engine in the middle of its work. In half of the cases it stays frozen until its lock is stolen. */
  freezeHolder(run: Run, a: number, b: number) {
    const holder = run.browser.holder('tidemark/engine/sim')
    acts.beside(run, a, b)
    freeze(run, holder)
    if (!holder || a % 2) return
    const { now } = run.w
    run.appointments.push({ at: now, keep: () => acts.reach(run, b) }, { at: now + STOLEN, keep: () => {} })
  },
  /** Dispatches with a commandId that is used again, mostly with the same command. */
  again(run: Run, a: number, b: number) {
    const tab = any(run.plan.profile === 'under' ? heard(run) : usable(run), b)
    const id = ['x', 'y', 'z'][a % 3]!
    const command: Command =
      a % 17 === 0 ? commands(1, a) : { name: a % 3 ? 'inc' : 'take', input: { k: KEYS[a % 3]! } }
    if (tab) dispatch(run, tab, command, id, b % 7 === 0)
  },
  /** Dispatches on a tab that received no hint of the commits of others. */
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
  /** Posts a hint of another log with matching numbers. */
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
    // Half of the frozen actors do not receive the messages that were posted while they were frozen.
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
  /** The browser finds its database damaged, and creates a new one. */
  loseDatabase({ w, storage }: Run) {
    w.say('the browser loses the database')
    storage.wipe(NAME)
  },
  /** Ends the whole browser at once. Its database may be gone at the next start. */
  restartBrowser(run: Run, a: number, b: number) {
    const { w, files, storage } = run
    w.say('the browser crashes')
    w.hit('browser crashed')
    files?.crash()
    for (const actor of [...w.actors]) w.kill(actor)
    if (a % 3) storage.wipe(NAME)
    for (let i = 0; i <= b % 3; i++) openTab(run, any(run.plan.builds, b + i)!, any(run.plan.workers, a + i)!)
  },
  /** Ends the whole browser at once. At its next start, the private files can't be read. */
  restartUnread(run: Run, a: number, b: number) {
    acts.restartBrowser(run, 3 * a + 1, b)
    run.w.faults.files = { share: 1, until: run.w.now + LENGTHS[2 + (a % 3)]! }
  },
  /** Ends the browser in the middle of a restore. */
  crashRestore(run: Run, a: number) {
    const { w, browser } = run
    const found = browser.holder('tidemark/restore/sim')
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
    run.isIncomplete ||= run.storage.lostIn(NAME, 'bodies').length > 0
    run.w.hit('file damaged')
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
      watch(run, tab, 'destroy', destroy(tab.engine!), (error) => {
        // The action was done in part or not at all.
        if (error) tab.closed = tab.engine!.status.state === 'closed'
        if (error) return
        if (mirror?.isThere(log!))
          w.violation ??= new Violation(`rule 20: ${actor.name} destroyed its log, and a mirror of it is there`)
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
  /** Makes requests fail for a while or until the faults stop, for all actors or for one. */
  readsFail(run: Run, a: number, b: number) {
    run.w.faults.reads = spell(run, 'reads begin to fail', a, b)
  },
  codeFails(run: Run, a: number, b: number) {
    run.w.faults.code = spell(run, 'code can not be fetched', a, b)
  },
  filesFail(run: Run, a: number, b: number) {
    run.w.faults.files = spell(run, 'private files can not be read', a, b)
  },
  loseValue(run: Run, a: number, b: number) {
    const { w, storage, audit, mirror } = run
    const store = ['pages', 'checkpoints', 'bodies'][a % 3]!
    const key = storage.loseValue(NAME, store, b)
    if (key === undefined) return
    w.say(`the browser loses ${key} of ${store}`)
    if (store === 'bodies') {
      const database = storage.databases.get(NAME)!
      const segment = readStore(database, 'segments').find(({ value }) => value.body === key)
      const copied = mirror && !mirror.damaged ? audit.logOf(database).told : 0
      run.isIncomplete ||= !segment || segment.key > copied
    }
    w.hit(`a value of ${store} lost`)
  },
  /** A page of a former deploy keeps a connection that it never closes. */
  block({ w, storage }: Run, a: number) {
    w.say('a page keeps its connection')
    storage.block(NAME, w.now + LENGTHS[a % LENGTHS.length]!)
  },
  hide(run: Run, a: number) {
    const tab = any(usable(run), a)
    if (tab) tab.actor.hidden = !tab.actor.hidden
  },
  /** One failure, at a time when nothing else happens. */
  single(run: Run, a: number, b: number) {
    run.quietUntil = run.w.now + BEFORE
    run.appointments.push({ at: run.quietUntil, keep: () => failOnce(run, a, b) })
  },
  draftBegin(run: Run, a: number, b: number) {
    const tab = any(usable(run), b)
    if (tab) inActor(run, tab, () => run.drafts.begin(tab, any(DRAFTS, a)!))
  },
  draftAppend(run: Run, a: number, b: number) {
    for (let i = 0; i <= a % 3; i++) run.drafts.append(a + i, b)
  },
  /** Dispatches a command that may be refused. */
  draftEnd(run: Run, a: number, b: number) {
    const one = run.drafts.writerOf(b)
    if (!one) return
    const command = { name: a % 4 ? 'big' : 'take', input: { k: KEYS[a % 4]! } } as const
    inActor(run, one.tab, () => {
      const ending = run.drafts.end(one, () => dispatch(run, one.tab, command, undefined, false))
      watch(run, one.tab, 'end of a draft', ending)
    })
  },
  draftDiscard(run: Run, a: number, b: number) {
    const tab = any(usable(run), b)
    if (tab) inActor(run, tab, () => watch(run, tab, 'discard', run.drafts.discard(tab, any(DRAFTS, a)!)))
  },
  draftTakeOver(run: Run, a: number, b: number) {
    const tab = any(usable(run), b)
    const command = { name: 'big', input: { k: KEYS[a % 4]! } } as const
    if (!tab) return
    inActor(run, tab, () => {
      const send = (): Promise<unknown> => dispatch(run, tab, command, undefined, false)
      watch(run, tab, 'end of an abandoned draft', run.drafts.takeOver(tab, any(DRAFTS, a)!, send))
    })
  },
  draftWatch(run: Run, a: number, b: number) {
    const tab = any(usable(run), b)
    if (tab) inActor(run, tab, () => void tab.engine!.drafts.text!.subscribe(any(DRAFTS, a)!, () => {}))
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
      for (const { actor } of [...run.browser.workers.values(), ...living(run)]) run.follow.stimulated(actor, 200)
      watch(run, tab, 'rebuild', tab.engine!.rebuild(), (error) => {
        // In runs of the profile `rebuild` only workers fail, and a rebuild survives that.
        if (error?.name !== 'StorageError' || run.plan.profile !== 'rebuild') return
        run.w.violation ??= new Violation(`rule 16: a rebuild without a fault rejected: ${error.message}`)
      })
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
