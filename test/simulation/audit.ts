import type { Engine } from 'tidemark'
import {
  type Build,
  type Command,
  decidePlain,
  emptyState,
  foldPlain,
  knows,
  type Plain,
  type PlainEvent,
  projectionsOf,
  type State,
  throwsOn,
} from './app.ts'
import { type RawDatabase, readStore, readValue, type Storage } from './indexedDb.ts'
import type { Actor, World } from './world.ts'

/** Checks every guarantee of the library against a plain array. */

export interface Tab {
  readonly actor: Actor
  readonly build: Build
  /** Whether the tab was opened with `mirror: false`. */
  readonly bare: boolean
  engine: Engine<any, any, any, any> | undefined
  /** The dispatches of an engine in a worker. */
  readonly send?: (name: string, input: unknown, options: object) => Promise<unknown>
  /** The reason why the engine did not open. */
  failure: Error | undefined
  closed: boolean
  outdated?: boolean
  log: Log | undefined
  seen: number
  /** The state of the engine at the last check. */
  shown: { readonly read: unknown; readonly status: unknown } | undefined
  readonly dispatches: Dispatch[]
}
export interface Dispatch {
  readonly number: number
  readonly tab: Tab
  readonly command: Command
  readonly id: string | undefined
  readonly strict: boolean
  readonly log: Log
  /** The length of the log at the call. */
  readonly called: number
  readonly abort: AbortController
  result: 'pending' | 'resolved' | 'rejected' | 'unknown'
  /** The virtual time of the call, in milliseconds. */
  readonly at: number
}
interface StoredCommand {
  readonly id: string
  readonly fingerprint?: string
  readonly meta: { readonly dispatch: number }
  readonly events: readonly PlainEvent[]
}
export interface Stored {
  readonly id: string
  readonly first: number
  readonly last: number
  readonly body: string
}
interface Entry {
  readonly last: number
  readonly state: State
  readonly record?: Stored
  readonly types: readonly string[]
}
interface Answer {
  readonly dispatch: Dispatch
  readonly sequence: number
  readonly events: readonly PlainEvent[]
  readonly index: number
}
/** Everything that was appended to one database, and the state after each commit. */
export interface Log {
  readonly database: RawDatabase
  readonly entries: Entry[]
  readonly at: Map<number, number>
  readonly byId: Map<string, Answer>
  readonly byDispatch: Map<number, Answer>
  /** The sequences of the checkpoints of live builds. */
  readonly live: Map<string, number>
  identity?: LogIdentity
  /** The last event that its mirror was reported to hold, while the mirror can be read. */
  told: number
  /** Whether a tab began to destroy the log, and whether it has. */
  destroying: boolean
  destroyed: boolean
}
export interface LogIdentity {
  readonly id: string
  readonly lineage: string
  readonly format: number
  readonly restored?: { readonly sequence: number }
}

export interface Audit {
  readonly dispatches: Dispatch[]
  /** In the order of their creation. */
  readonly logs: ReadonlyMap<RawDatabase, Log>
  /** Called when another log replaced a log, with the contents of the new log. */
  identified: (log: Log, identity: LogIdentity, records: () => readonly Stored[], actor: Actor) => void
  /** Whether the worker that appends now was the holder when its append began. */
  isHolder: (actor: Actor) => boolean
  logOf(database: RawDatabase): Log
  settled(dispatch: Dispatch, receipt: any, error: any): void
  checkTab(tab: Tab): void
  checkStored(database: RawDatabase): void
}

const text = (value: unknown): string => JSON.stringify(value)
const show = ({ rows, next, failed }: Plain): string =>
  `${rows.map(([k, n, at]) => `${k}=${n}#${at}`).join(' ')} next ${next}${failed === undefined ? '' : ` failed ${failed}`}`

export function createAudit(w: World, storage: Storage): Audit {
  const logs = new Map<RawDatabase, Log>()
  const dispatches: Dispatch[] = []
  const unpacked = new Map<string, readonly Stored[]>()

  const logOf = (database: RawDatabase): Log => {
    let log = logs.get(database)
    if (!log) {
      log = {
        database,
        entries: [{ last: 0, state: emptyState, types: [] }],
        at: new Map([[0, 0]]),
        byId: new Map(),
        byDispatch: new Map(),
        live: new Map(),
        told: 0,
        destroying: false,
        destroyed: false,
      }
      logs.set(database, log)
    }
    return log
  }

  storage.committed = (database, stores, { actor, mode }) => {
    if (stores.has('bodies') && stores.has('commands')) w.hit(mode === 'versionchange' ? 'database made' : 'sealed')
    const identity = stores.has('meta') && readValue(database, 'meta', 'log')
    const log = logOf(database)
    if (identity && JSON.stringify(identity) !== JSON.stringify(log.identity)) {
      audit.identified(log, identity, () => [...storedLog(database)], actor)
      log.identity = identity
    }
    if (stores.has('commits') || stores.has('segments')) checkLog(database, actor)
    if (stores.has('pages') || stores.has('checkpoints')) checkPages(database)
    if (stores.has('rowEvents')) checkPast(database)
  }

  function* storedLog(database: RawDatabase): Generator<Stored> {
    let newest = 0
    for (const { value } of readStore(database, 'segments')) {
      if (value.first !== newest + 1)
        w.fail(`guarantee 1: segment ${value.first}-${value.last} follows ${newest}: a hole or an overlap`)
      const records = unpacked.get(value.body) ?? unpack(readValue(database, 'bodies', value.body), value.body)
      yield* records
      newest = value.last
    }
    for (const { key, value } of readStore(database, 'commits')) {
      if (key > newest) yield value
      else w.hit('under the seal')
    }
  }

  function unpack(bytes: Uint8Array | undefined, body: string): readonly Stored[] {
    if (!bytes) throw w.fail(`rule 11: a segment has no body`)
    const lines = Buffer.from(bytes).toString().split('\n')
    const records: Stored[] = []
    // The first line is the chunk's header.
    for (let i = 1; i + 1 < lines.length; i += 2) records.push({ ...JSON.parse(lines[i]!), body: lines[i + 1] })
    unpacked.set(body, records)
    return records
  }

  function checkLog(database: RawDatabase, actor: Actor): void {
    const log = logOf(database)
    let last = 0
    let index = 0
    for (const record of storedLog(database)) {
      if (record.first !== last + 1)
        w.fail(`guarantee 1: commit ${record.first}-${record.last} follows ${last}: the log is not gapless`)
      last = record.last
      const known = log.entries[++index]
      if (!known) appended(log, record, actor)
      else if (known.record!.id !== record.id || known.record!.body !== record.body)
        w.fail(`guarantee 12: the log was rewritten at ${record.first}`)
    }
    if (index + 1 !== log.entries.length)
      w.fail(`guarantee 2: the log ends at ${last}, it had reached ${log.entries.at(-1)!.last}`)
  }

  function appended(log: Log, record: Stored, actor: Actor): void {
    const before = log.entries.at(-1)!
    const commands: readonly StoredCommand[] = JSON.parse(record.body)
    let { state } = before
    let sequence = before.last
    const all: PlainEvent[] = []
    for (const { id, meta, events, fingerprint } of commands) {
      const dispatch = dispatches[meta.dispatch]!
      const what = `dispatch ${dispatch.number} (${text(dispatch.command)})`
      if (dispatch.log !== log) w.fail(`rule 10: ${what} went into another log than its tab had open`)
      // The first caller may have aborted. The command is then for the callers that joined it.
      const joined = dispatch.tab.dispatches.some(
        (other) => other !== dispatch && id === other.id && text(other.command) === text(dispatch.command),
      )
      if (dispatch.result === 'rejected' && !(joined && dispatch.abort.signal.aborted))
        w.fail(`guarantee 2: ${what} was rejected and is appended all the same`)
      if (dispatch.tab.send) w.hit('appended beside a pipeline')
      if (dispatch.tab.send && actor !== dispatch.tab.actor) w.fail(`${what} was appended by another than its holder`)
      if (dispatch.tab.send && !audit.isHolder(actor))
        w.fail(`${what} was appended by ${actor.name}, which is no holder any more`)
      if (log.byDispatch.has(dispatch.number)) w.fail(`rule 5: ${what} is appended twice`)
      if (log.byId.has(id)) w.fail(`guarantee 4: the command id ${id} is appended twice`)
      if (dispatch.id !== undefined && (id !== dispatch.id || fingerprint === undefined))
        w.fail(`guarantee 4: ${what} was stored without its id ${dispatch.id}`)
      const decided = decidePlain(dispatch.tab.build, dispatch.command, state)
      if (!('events' in decided) || text(decided.events) !== text(events))
        w.fail(
          `guarantee 3: ${what} was decided as ${text(events)}; on what it stands on it is ${text(decided)} (${show(state['items@1']!)})`,
        )
      state = foldPlain(state, events, sequence + 1)
      sequence += events.length
      all.push(...events)
      if (dispatch.result === 'unknown') w.hit('in the log, with an unknown outcome')
      const answer = { dispatch, sequence, events, index: log.entries.length }
      log.byId.set(id, answer)
      log.byDispatch.set(dispatch.number, answer)
    }
    if (sequence !== record.last)
      w.fail(`guarantee 1: commit ${record.first}-${record.last} holds ${all.length} events`)
    log.at.set(record.last, log.entries.length)
    log.entries.push({
      last: record.last,
      record,
      types: all.map(({ type }) => type),
      state: foldPlain(before.state, all, record.first),
    })
    w.say(
      () =>
        `      log ${record.first}-${record.last}: ${commands.map(({ meta }) => `#${meta.dispatch}`)} ${all.map((event) => `${event.type} ${event.data?.k ?? event.data?.n ?? ''}`)}`,
      actor,
    )
  }

  /** Pages may be dropped, for example for space. But a live checkpoint is never replaced by an older one. */
  function checkLive(database: RawDatabase, { live }: Log): void {
    const builds: Readonly<Record<string, string>> = readValue(database, 'meta', 'builds') ?? {}
    const before = new Map(live)
    live.clear()
    for (const { value } of readStore(database, 'checkpoints')) {
      const { identity, build, sequence } = value
      if (build !== (builds[identity] ?? '')) continue
      live.set(identity, sequence)
      if (sequence < (before.get(identity) ?? 0))
        w.fail(`rule 16: the live checkpoint of ${identity} goes back from ${before.get(identity)} to ${sequence}`)
    }
  }

  function checkPages(database: RawDatabase): void {
    const log = logOf(database)
    checkLive(database, log)
    const pages = readStore(database, 'pages')
    for (const { value: checkpoint } of readStore(database, 'checkpoints')) {
      const { identity, build, sequence, next, failed } = checkpoint
      const name: string = identity.split('.')[0]
      const index = log.at.get(sequence)
      if (index === undefined) w.fail(`rule 1: the checkpoint of ${name} stands at ${sequence}, where no commit ends`)
      const expected = log.entries[index!]!.state[name]!
      const rows: [string, number, number][] = []
      for (const { key, value: page } of pages) {
        if (key[0] !== identity || key[1] !== build) continue
        for (const [i, row] of page.rows.entries()) {
          const at = page.page * 3 + (page.at ? page.at[i] : i)
          rows.push(name === 'count@1' ? ['value', row, 0] : [row.k, row.n, at])
        }
      }
      const stored: Plain = {
        rows,
        next: name === 'count@1' ? expected.next : next,
        ...(expected.failed !== undefined && { failed: expected.failed }),
      }
      if (show(stored) !== show(expected))
        w.fail(`guarantee 5: the pages of ${name} at ${sequence} hold ${show(stored)}; the fold is ${show(expected)}`)
      if (failed) {
        w.hit('failed projection stored')
        const then = log.entries[index! + 1]?.state[name]?.failed
        if (then !== failed.sequence) w.fail(`guarantee 11: ${name} failed at ${failed.sequence}; it fails at ${then}`)
      }
    }
  }

  /** Rows of the past equal what a fold shows at their sequence, and are stored with a checkpoint that is not older. */
  function checkPast(database: RawDatabase): void {
    const log = logOf(database)
    const checkpoints = readStore(database, 'checkpoints')
    const places = new Map<string, number>()
    for (const { key, value } of readStore(database, 'rowEvents')) {
      const [identity, build, kind, sequence] = key as [string, string, unknown, number]
      if (kind !== 'at') continue
      const name = identity.split('.')[0]!
      const beside = checkpoints.find(({ value }) => value.identity === identity && value.build === build)
      if (!beside || beside.value.sequence < sequence)
        w.fail(`rule 21: rows of ${name} at ${sequence} stand beside checkpoint ${beside?.value.sequence}`)
      const expected = log.entries[log.at.get(sequence)!]?.state[name]
      const isValue = name === 'count@1'
      const rows = value.rows.flatMap((row: any, i: number) => {
        if (!isValue) return [[row.k, row.n, value.numbers[i]]]
        // A value that no event has changed has a row, too.
        return row ? [['value', row, 0]] : []
      })
      const stored = { rows, next: isValue ? expected?.next : value.next }
      if (show(stored) !== (expected && show(expected)))
        w.fail(
          `rule 21: the rows of ${name} at ${sequence} are ${show(stored)}; the fold is ${expected && show(expected)}`,
        )
      const id = `${identity} ${build}`
      const count = (places.get(id) ?? 0) + 1
      places.set(id, count)
      w.hit('rows of the past stored')
      if (count > 1) w.hit('rows of two past events stored')
      // There are four rows at each distance, and the distances double.
      if (count > 4 * (2 + Math.log2(1 + beside!.value.sequence)))
        w.fail(`rule 21: ${name} keeps the rows of ${count} past events at ${beside!.value.sequence}`)
    }
  }

  function settled(dispatch: Dispatch, receipt: any, error: any): void {
    const { tab, command, log } = dispatch
    const what = `dispatch ${dispatch.number} (${text(command)}${dispatch.id ? ` id ${dispatch.id}` : ''})`
    if (dispatch.result !== 'pending') w.fail(`${what} settled twice`)
    const own = log.byDispatch.get(dispatch.number)
    const said = error ? `${error.name} ${error.code ?? error.kind ?? error.reason ?? error.message}` : ''
    w.say(() => `      #${dispatch.number} ${said || text({ ...receipt, events: receipt.events.length })}`, tab.actor)
    if (!error) {
      dispatch.result = 'resolved'
      const { sequence, events, duplicate, commandId } = receipt
      const known = log.byId.get(commandId)
      // At the head of its decision no command had this id. Another command may have used it just after.
      if (!events.length && !duplicate && !(known && known.sequence <= sequence)) {
        const fits = log.entries.some(({ last, state }, i) => {
          if (i < dispatch.called || last !== sequence) return false
          const decided = decidePlain(tab.build, command, state)
          return 'events' in decided && !decided.events.length
        })
        if (!fits) w.fail(`rule 7: ${what} resolved as empty at ${sequence}, which was true at no head since its call`)
        return
      }
      const answer = log.byId.get(commandId)
      if (!answer) throw w.fail(`guarantee 2: ${what} resolved and is not in the log`)
      if (answer.dispatch.command.name !== command.name || text(answer.dispatch.command.input) !== text(command.input))
        w.fail(`guarantee 4: ${what} was answered with what ${text(answer.dispatch.command)} appended`)
      if (duplicate !== (answer.dispatch !== dispatch))
        w.fail(`guarantee 4: ${what} says duplicate ${duplicate}, it was appended by ${answer.dispatch.number}`)
      const got = events.map(({ type, data }: any) => ({ type, data }))
      if (duplicate) w.hit('duplicate')
      const readable = answer.events.every(({ type }) => knows(tab.build, type))
      if (sequence !== answer.sequence || (readable && text(got) !== text(answer.events)))
        w.fail(
          `guarantee 4: ${what} got ${sequence} ${text(got)}, the log has ${answer.sequence} ${text(answer.events)}`,
        )
      if (readable && events.at(-1).sequence !== sequence)
        w.fail(`guarantee 1: ${what} got events with other sequences`)
      return
    }
    const { name } = error
    if (name === 'StorageError' && error.kind === 'unknown') {
      dispatch.result = 'unknown'
      w.hit('outcome unknown')
      return
    }
    dispatch.result = 'rejected'
    if (own && !log.database.deleted) w.fail(`guarantee 2: ${what} was rejected with ${said} and is in the log`)
    if (name === 'CommandIdConflict') {
      w.hit('conflict')
      const answer = dispatch.id === undefined ? undefined : log.byId.get(dispatch.id)
      if (!answer || text(answer.dispatch.command) === text(command))
        w.fail(`guarantee 4: ${what} conflicts with nothing in the log`)
    } else if (name === 'CommandRejected' || error.message === 'poison') {
      const taken = dispatch.id === undefined ? undefined : log.byId.get(dispatch.id)
      const fits = log.entries.some(({ state }, i) => {
        if (i < dispatch.called || (taken && taken.index <= i)) return false
        const decided = decidePlain(tab.build, command, state)
        return 'rejected' in decided
          ? decided.rejected === error.code
          : error.message === 'poison' && throwsOn(tab.build, state, decided.events)
      })
      if (!fits && !log.database.deleted)
        w.fail(`rule 7: ${what} was rejected as ${said}, which was true at no head since its call`)
    } else if (name === 'AbortError') {
      if (!dispatch.abort.signal.aborted) w.fail(`rule 5: ${what} was taken back by another's signal`)
    } else if (name === 'OutdatedCodeError') {
      if (tab.build === 2) w.fail(`guarantee 10: ${what} of the newest build is told it is outdated`)
    } else if (name === 'EngineClosed') {
      const lost = log.database.deleted || log.destroying
      if (!tab.closed && !lost) w.fail(`${what} is told that an open engine is closed: ${error.reason}`)
    } else if (name !== 'StorageError' && !(name === 'ProjectionFailed' && tab.build === 1))
      w.fail(`${what} rejected with ${error.stack}`)
  }

  function checkTab(tab: Tab): void {
    const { engine, log, build } = tab
    if (!engine || !log || log.database.deleted) return
    const { status, read } = engine
    if (tab.shown?.read === read && tab.shown.status === status && w.steps % 8) return
    tab.shown = { read, status }
    if (status.state === 'failed')
      w.fail(`guarantee 1: ${tab.actor.name} takes a sound log for corrupt: ${status.lastError}`)
    if (status.state === 'outdated' && !tab.outdated) {
      tab.outdated = true
      w.hit('outdated')
    }
    if (status.state !== 'ready') return
    const { sequence } = status
    const index = log.at.get(sequence)
    if (index === undefined) throw w.fail(`rule 1: ${tab.actor.name} stands at ${sequence}, where no commit ends`)
    if (sequence < tab.seen) w.fail(`${tab.actor.name} went back from ${tab.seen} to ${sequence}`)
    for (let i = (log.at.get(tab.seen) ?? 0) + 1; i <= index; i++)
      if (log.entries[i]!.types.some((type) => !knows(build, type)))
        w.fail(`guarantee 10: ${tab.actor.name} went past an event that its build does not know`)
    tab.seen = sequence
    const waiting = tab.dispatches.filter(({ result }) => result === 'pending')
    if (waiting.length !== status.pending) return
    // A command that waits for another command with its id goes to the end of the queue.
    const twice = waiting.some(
      ({ id, number }) => id && tab.dispatches.some((other) => other.id === id && other.number !== number),
    )
    if (twice) return
    let { state } = log.entries[index]!
    for (const { command } of waiting) {
      const decided = decidePlain(build, command, state)
      if (!('events' in decided) || throwsOn(build, state, decided.events)) continue
      state = foldPlain(state, decided.events, Number.NaN)
    }
    compare(tab, state, `${tab.actor.name} at ${sequence} with ${waiting.length} pending`)
  }

  function compare({ engine, build }: Tab, state: State, who: string): void {
    const { read } = engine as Engine<any, any, any>
    for (const name of projectionsOf[build]) {
      const view: any = (read as any)[name.split('@')[0]!]
      const { rows } = state[name]!
      const expected = rows.map(([k, n]) => `${k}=${n}`).join(' ')
      if (name === 'count@1') {
        if (view.value !== (rows[0]?.[1] ?? 0))
          w.fail(`guarantee 5: ${who}: ${name} is ${view.value}, the fold ${expected}`)
        continue
      }
      const shown = view
        .all()
        .map(({ k, n }: any) => `${k}=${n}`)
        .join(' ')
      if (shown !== expected) w.fail(`guarantee 5: ${who}: ${name} reads ${shown}; the fold is ${expected}`)
      if (view.size !== rows.length) w.fail(`guarantee 5: ${who}: ${name} has size ${view.size}`)
      if (w.steps % 4) continue
      const twos = view
        .by('n', 2)
        .map(({ k }: any) => k)
        .join()
      const plain = rows
        .filter((row) => row[1] === 2)
        .map(([k]) => k)
        .join()
      if (twos !== plain) w.fail(`guarantee 5: ${who}: ${name}.by('n', 2) is ${twos}; the fold has ${plain}`)
      for (const [k, n] of rows)
        if (view.get(k)?.n !== n) w.fail(`guarantee 5: ${who}: ${name}.get('${k}') is another row`)
    }
  }

  const audit: Audit = {
    dispatches,
    logs,
    identified() {},
    isHolder: () => true,
    logOf,
    settled,
    checkTab,
    checkStored(database) {
      checkLog(database, { name: 'end' } as Actor)
      checkPages(database)
    },
  }
  return audit
}
