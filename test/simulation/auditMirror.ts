import type { Audit, Log, Stored } from './audit.ts'
import type { Browser } from './browser.ts'
import type { Files } from './files.ts'
import type { Storage } from './indexedDb.ts'
import type { Actor, World } from './world.ts'

/** Checks rule 20 against the status of the mirror and the contents of its files. */

export const LOCK = 'tidemark/mirror/sim'
export const FOLDER = 'tidemark-sim'

export interface MirrorAudit {
  /** A file was damaged from outside: parts may be missing, but restored parts have to be right. */
  damaged: boolean
  /** The actors that may remove a mirror with any content. */
  readonly destroying: Set<Actor>
  /** Whether the mirror holds all of this log and has reported so. */
  follows(log: Log): boolean
  /** Whether any part of the log is in the files. */
  isThere(log: Log): boolean
  /** Whether the mirror of another log blocks that of this log. */
  barred(log: Log): boolean
}

interface Read {
  readonly lineage: string | undefined
  readonly records: readonly Stored[]
}

export function createMirrorAudit(
  w: World,
  storage: Storage,
  files: Files,
  browser: Browser,
  { logs }: Audit,
  bare: (actor: Actor) => boolean,
): Pick<Audit, 'identified'> & MirrorAudit {
  const read = new WeakMap<Uint8Array, Read>()
  /** The lineages that each actor ever had open. */
  const known = new Map<Actor, Set<string>>()

  const mirror: ReturnType<typeof createMirrorAudit> = {
    damaged: false,
    destroying: new Set(),
    follows: (log) => log.told === log.entries.at(-1)!.last,
    isThere: ({ identity }) => standing() !== undefined && standing() === identity?.lineage,
    barred: ({ identity }) => standing() !== undefined && standing() !== identity?.lineage,
    identified,
  }

  files.asked = (what, path, actor) => {
    const database = storage.opened.get(actor)
    const lineage = database && logs.get(database)?.identity?.lineage
    if (lineage) known.set(actor, (known.get(actor) ?? new Set()).add(lineage))
    if (path.startsWith(FOLDER) && ['close', 'remove'].includes(what) && !browser.holds(actor, LOCK))
      w.fail(`rule 20: ${actor.name} asks to ${what} ${path} and knows that it has no lock`)
  }

  let before: string | undefined
  files.happens = (what, path, actor) => {
    before = standing()
    if (what !== 'remove' || mirror.destroying.has(actor) || mirror.damaged || !path.startsWith(FOLDER)) return
    if (before && !known.get(actor)?.has(before))
      w.fail(`rule 20: ${actor.name} removes ${path}, which is the mirror of a log that it never opened`)
  }
  files.happened = (what, path) => {
    if (!path.startsWith(FOLDER) || (what !== 'close' && what !== 'remove')) return
    if (path === FOLDER && what === 'remove') {
      w.hit('mirror removed')
      for (const log of logs.values()) log.told = 0
      return
    }
    if (mirror.damaged) return
    if (what === 'close') {
      const { lineage } = readFile(files.files.get(path)!)
      if (before && lineage && before !== lineage)
        w.fail(`rule 20: the mirror of ${before} is written over by ${lineage}`)
    }
    const log = present()
    if (log) holds(log, log.told, `after the ${what} of ${path}`)
  }

  browser.said = (actor, { log: id, mirror: status }) => {
    if (!status || status.state === 'off') return
    const right = browser.holds(actor, LOCK)
    const log = [...logs.values()].find(({ identity }) => identity?.id === id)
    if (!right && status.state === 'on' && !log?.database.deleted)
      w.fail(`rule 20: ${actor.name} says ${status.state} and knows that it has no lock`)
    if (right !== 'held' || !log || mirror.damaged) return
    w.hit(`mirror ${status.state}`)
    holds(log, status.sequence, `${actor.name} says ${status.state}`)
    const foreign = [...places().values()]
      .filter(({ lineage }) => lineage === log.identity!.lineage)
      .flatMap(({ records }) => records)
      .find((record) => commitAt(log, record.first)?.id !== record.id)
    if (foreign)
      w.fail(`rule 20: the mirror says ${status.state} and holds ${foreign.first}-${foreign.last} of a lost future`)
    log.told = status.sequence
  }

  /** Called when a database is new or was just restored from its mirror. */
  function identified(
    log: Log,
    identity: NonNullable<Log['identity']>,
    all: () => readonly Stored[],
    actor: Actor,
  ): void {
    const { id, lineage, restored, format } = identity
    const last = present()
    if (!restored) {
      const anew = format > 0 && id === lineage && !log.identity?.format
      if (anew && last && !mirror.damaged && !bare(actor))
        w.fail(
          `rule 20: ${actor.name} begins a new log; the mirror holds ${last.told} events of ${last.identity!.lineage}`,
        )
      return
    }
    w.hit('restored')
    if (log.entries.length > 1) w.fail('rule 20: a log with events was restored over')
    const records = all()
    const same = [...logs.values()].filter((other) => other !== log && other.identity?.lineage === lineage)
    const isPrefix = ({ entries }: Log, until: number): boolean =>
      records.every(({ id, first, body }, i) => {
        const { record } = entries[i + 1] ?? {}
        return first > until || (record?.id === id && record.body === body)
      })
    const end = records.at(-1)?.last ?? 0
    const source = same.findLast((other) => isPrefix(other, end))
    if (!source) throw w.fail(`rule 20: what came back, up to ${end}, is no prefix of any log of ${lineage}`)
    if (same.some(({ identity, destroyed }) => identity!.id === id || destroyed))
      w.fail(`rule 20: ${id} came back from a log that was destroyed, or with its id`)
    if (restored.sequence !== end) w.fail(`rule 20: ${restored.sequence} is said to be back, it is ${end}`)
    if (last && last.identity!.lineage === lineage) {
      if (end < last.told && !mirror.damaged) w.fail(`rule 20: the mirror had ${last.told}, ${end} came back`)
      if (!isPrefix(last, Math.min(end, last.told)))
        w.fail(`rule 20: another log came back than the last that was mirrored`)
    }
    if (end < source.entries.at(-1)!.last) w.hit('restored, but for the end')
    for (const [i, entry] of source.entries.entries()) {
      if (!i || i > records.length) continue
      log.entries.push(entry)
      log.at.set(entry.last, i)
    }
    for (const [id, answer] of source.byId) if (answer.index <= records.length) log.byId.set(id, answer)
    for (const [n, answer] of source.byDispatch) if (answer.index <= records.length) log.byDispatch.set(n, answer)
  }

  /** The last log that was reported to be in the files. */
  const present = (): Log | undefined => [...logs.values()].findLast(({ told }) => told > 0)

  function places(): Map<string, Read> {
    const found = new Map<string, Read>()
    for (const [path, bytes] of files.files)
      if (path.startsWith(FOLDER) && path.endsWith('.tidemark')) found.set(path, readFile(bytes))
    return found
  }

  const standing = (): string | undefined =>
    [...places().values()].map(({ lineage }) => lineage).find((lineage) => lineage !== undefined)

  function readFile(bytes: Uint8Array): Read {
    const known = read.get(bytes)
    if (known) return known
    let lineage: string | undefined
    const records: Stored[] = []
    try {
      for (let at = 0; at < bytes.length; ) {
        const end = bytes.indexOf(10, at)
        const header = JSON.parse(Buffer.from(bytes.subarray(at, end)).toString())
        lineage ??= header.lineage
        const lines = Buffer.from(bytes.subarray(end + 1, end + 1 + header.bytes))
          .toString()
          .split('\n')
        for (let i = 0; i + 1 < lines.length; i += 2) records.push({ ...JSON.parse(lines[i]!), body: lines[i + 1] })
        at = end + 1 + header.bytes
      }
    } catch {
      // The file was damaged from outside: only the part before the damage counts.
    }
    const found = { lineage, records }
    read.set(bytes, found)
    return found
  }

  const commitAt = ({ at, entries }: Log, first: number): Stored | undefined => {
    const before = at.get(first - 1)
    return before === undefined ? undefined : entries[before + 1]?.record
  }

  /** Whether each event up to this sequence is in one of the files. */
  function holds({ entries }: Log, until: number, when: string): void {
    const ids = new Set([...places().values()].flatMap(({ records }) => records.map(({ id }) => id)))
    for (const { record, last } of entries)
      if (record && last <= until && !ids.has(record.id))
        w.fail(`rule 20: ${when}: the mirror should hold 1-${until}; ${record.first}-${last} is in no file`)
  }

  return mirror
}
